-- Give a job to a worker. The primary key refuses a second lease, the unique index a slot that is taken.
-- $1 job_id  $2 worker_id  $3 queue_id  $4 kind_id  $5 priority  $6 epoch  $7 attempt  $8 crashes  $9 snoozes  $10 claimed_at  $11 line  $12 slot
insert into {prefix}lease (job_id, worker_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes, claimed_at, line, slot)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
