-- Take the first ready jobs of one lane, in claim order.
-- $1 queue_id  $2 kind_id  $3 priority  $4 floor of seq  $5 limit
-- returns: job_id, priority, seq, epoch, attempt, crashes, snoozes (order not promised)
-- index: primary key of ready, twice
-- differs: one writer at a time, so no row needs locking or skipping.
delete from {prefix}ready
where (queue_id, kind_id, priority, seq) in (
  select queue_id, kind_id, priority, seq from {prefix}ready
  where queue_id = $1 and kind_id = $2 and priority = $3 and seq >= $4
  order by seq
  limit $5
)
returning job_id, priority, seq, epoch, attempt, crashes, snoozes
