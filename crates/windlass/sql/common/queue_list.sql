-- The queues of a namespace by name: those that were deleted only while they hold a job again.
-- $1 namespace_id  $2 after this name  $3 limit
-- returns: id, name, deleted, and the columns that store/settings.rs reads, in its order
-- index: unique (namespace_id, name)
select q.id, q.name, s.deleted, s.version, s.ttl_ms, s.max_attempts, s.backoff, s.max_depth, s.keep_completed_ms, s.keep_failed_ms, s.keep_dead_letter_ms, s.keep_cancelled_ms, s.concurrency, s.rate, s.fair
from {prefix}queue q
left join {prefix}queue_setting s on s.queue_id = q.id
where q.namespace_id = $1 and q.name > $2
  and (s.deleted is null or s.deleted = 0 or exists (select 1 from {prefix}job j where j.queue_id = q.id))
order by q.name
limit $3
