-- Waiting jobs with a limit that no sweep will look at.
-- $1 limit                                    returns: job_id
select j.id from {prefix}job j
where (j.start_by is not null or j.deadline is not null)
  and not exists (select 1 from {prefix}expiry e where e.job_id = j.id)
  and (exists (select 1 from {prefix}delayed d where d.job_id = j.id)
    or exists (select 1 from {prefix}ready r where r.job_id = j.id))
limit $1
