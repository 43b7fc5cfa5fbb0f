-- Rows of a room that contradict their job's queue, kind or priority.
-- $1 limit                                    returns: table, job_id
select t, x.job_id from (
  select 'ready' as t, job_id, queue_id, kind_id, priority from {prefix}ready
  union all select 'lease', job_id, queue_id, kind_id, priority from {prefix}lease
  union all select 'delayed', job_id, queue_id, kind_id, priority from {prefix}delayed
  union all select 'blocked', job_id, queue_id, kind_id, priority from {prefix}blocked
  union all select 'throttled', job_id, queue_id, kind_id, priority from {prefix}throttled
) x
join {prefix}job j on j.id = x.job_id
where x.queue_id <> j.queue_id or x.kind_id <> j.kind_id or x.priority <> j.priority
limit $1
