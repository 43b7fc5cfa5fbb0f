-- Keep a signal with a job, unless it has one of that name.
-- $1 job_id  $2 part  $3 name  $4 at  $5 payload
-- differs: no `on conflict` here; the values were checked, so a duplicate is all there is to ignore.
insert ignore into {prefix}saved (job_id, part, name, place, at, data)
values ($1, $2, $3, 0, $4, $5)
