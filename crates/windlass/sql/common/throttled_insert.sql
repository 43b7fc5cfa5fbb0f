-- Let a job wait in a line.
-- $1 line  $2 place  $3 seq  $4 job_id  $5 queue_id  $6 kind_id  $7 priority  $8 epoch  $9 attempt  $10 crashes  $11 snoozes
insert into {prefix}throttled (line, place, seq, job_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
