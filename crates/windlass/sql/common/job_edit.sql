-- Change what people may change of a job.
-- $1 id  $2 queue_id  $3 priority  $4 max_attempts  $5 run_at or null to keep it  $6 tags  $7 payload  $8 changed_at
update {prefix}job
set queue_id = $2, priority = $3, max_attempts = $4, run_at = coalesce($5, run_at), tags = $6, payload = $7, changed_at = $8
where id = $1
