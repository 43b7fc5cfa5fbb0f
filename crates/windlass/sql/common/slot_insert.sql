-- Take a slot for a job: the primary key says whether there is one.
-- $1 line  $2 n  $3 job_id  $4 held  $5 taken_at
insert into {prefix}slot (line, n, job_id, held, taken_at)
values ($1, $2, $3, $4, $5)
