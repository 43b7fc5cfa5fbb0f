-- Keep a line that a handler wrote while its lease stands.
-- $1 job_id  $2 epoch  $3 worker_id  $4 seq  $5 attempt  $6 level  $7 at  $8 text
insert into {prefix}log (job_id, seq, attempt, level, at, text)
select job_id, $4, $5, $6, $7, $8 from {prefix}lease where job_id = $1 and epoch = $2 and worker_id = $3
