-- Keep lines that handlers wrote while their leases stand.
-- $1 job_id  $2 epoch  $3 worker_id  $4 seq  $5 attempt  $6 level  $7 at  $8 text
-- lock order: job_id, which the batch is sorted by
-- differs: one statement for the whole batch, and the leases are locked.
insert into {prefix}log (job_id, seq, attempt, level, at, text)
select l.job_id, k.seq, k.attempt, k.level, k.at, k.text
from ({keys select $1 as job_id, $2 as epoch, $3 as worker_id, $4 as seq, $5 as attempt, $6 as level, $7 as at, $8 as text}) k
straight_join {prefix}lease l force index (primary) on l.job_id = k.job_id
where l.epoch = k.epoch and l.worker_id = k.worker_id
lock in share mode
