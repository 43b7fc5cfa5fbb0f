-- Rows of a room, or of something that belongs to a job, whose job does not exist.
-- $1 limit                                    returns: table, job_id
select t, job_id from (
  select 'ready' as t, job_id from {prefix}ready
  union all select 'lease', job_id from {prefix}lease
  union all select 'delayed', job_id from {prefix}delayed
  union all select 'blocked', job_id from {prefix}blocked
  union all select 'throttled', job_id from {prefix}throttled
  union all select 'dependency', child_id from {prefix}dependency
  union all select 'outcome', job_id from {prefix}outcome
  union all select 'attempt', job_id from {prefix}attempt
  union all select 'idempotency', job_id from {prefix}idempotency
  union all select 'progress', job_id from {prefix}progress
  union all select 'saved', job_id from {prefix}saved
  union all select 'log', job_id from {prefix}log
) x
where not exists (select 1 from {prefix}job j where j.id = x.job_id)
limit $1
