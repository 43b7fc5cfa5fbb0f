-- Keep lines that handlers wrote while their leases stand.
-- $1 job_id  $2 epoch  $3 worker_id  $4 seq  $5 attempt  $6 level  $7 at  $8 text
-- lock order: job_id, which the batch is sorted by; the lease cannot end before this is stored
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}log (job_id, seq, attempt, level, at, text)
select l.job_id, p.seq, p.attempt, p.level, p.at, p.text
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]) as p (job_id, epoch, worker_id, seq, attempt, level, at, text)
join {prefix}lease l on l.job_id = p.job_id and l.epoch = p.epoch and l.worker_id = p.worker_id
for share of l
