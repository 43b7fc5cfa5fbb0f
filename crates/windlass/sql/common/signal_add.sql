-- Keep a signal with a job, unless it has one of that name.
-- $1 job_id  $2 part  $3 name  $4 at  $5 payload
insert into {prefix}saved (job_id, part, name, place, at, data)
values ($1, $2, $3, 0, $4, $5)
on conflict (job_id, part, name) do nothing
