-- How the newest $2 jobs of a type ended, as far as they have.
-- $1 kind_id  $2 limit                      returns: job_id, state, started_at, finished_at
-- index: job_kind, primary key of outcome
-- Not sorted: whoever asks sorts a hundred rows, and no plan has to.
select o.job_id, o.state, o.started_at, o.finished_at
from (
  select id from {prefix}job
  where kind_id = $1
  order by id desc
  limit $2
) j
join {prefix}outcome o on o.job_id = j.id
