-- Take the first ready jobs of one lane, in claim order.
-- $1 queue_id  $2 kind_id  $3 priority  $4 floor of seq  $5 limit
-- returns: job_id, priority, seq, epoch, attempt, crashes, snoozes (order not promised)
-- index: primary key of ready
-- lock order: seq, never waiting
-- differs: other nodes take at the same time: rows they hold are skipped, and whoever deletes decides.
-- The rows are locked before they are deleted, so their places (ctid) cannot change in between.
delete from {prefix}ready
where ctid = any (array(
  select ctid from {prefix}ready
  where queue_id = $1 and kind_id = $2 and priority = $3 and seq >= $4
  order by seq
  limit $5
  for update skip locked
))
returning job_id, priority, seq, epoch, attempt, crashes, snoozes
