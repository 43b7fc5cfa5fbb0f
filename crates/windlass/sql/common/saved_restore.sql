-- Keep something with a job that comes from another database and has no lease.
-- $1 job_id  $2 part  $3 name  $4 place  $5 due_at  $6 at  $7 data
insert into {prefix}saved (job_id, part, name, place, due_at, at, data)
values ($1, $2, $3, $4, $5, $6, $7)
