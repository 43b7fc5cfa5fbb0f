-- Put a job into the ready room.
-- $1 queue_id  $2 kind_id  $3 priority  $4 seq  $5 job_id  $6 epoch  $7 attempt  $8 crashes  $9 snoozes
insert into {prefix}ready (queue_id, kind_id, priority, seq, job_id, epoch, attempt, crashes, snoozes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
