-- Workers that have stopped renewing lately, and that nobody has noticed.
-- $1 now_us  $2 expired after  $3 limit       returns: id, name, namespace_id
-- index: none: there are few workers
select id, name, namespace_id
from {prefix}worker
where expires_at <= $1 and expires_at > $2 and lost_at is null
order by id
limit $3
