-- Take the first ready jobs of one lane, in claim order.
-- $1 queue_id  $2 kind_id  $3 priority  $4 floor of seq  $5 limit
-- returns: job_id, priority, seq, epoch, attempt, crashes, snoozes (order not promised)
-- index: primary key of ready; a sort would lock every candidate
-- lock order: seq, never waiting
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys, one
-- by one: a condition of many keys may be read as a range, and waits for the rows of others.
select job_id, priority, seq, epoch, attempt, crashes, snoozes
from {prefix}ready force index (primary)
where queue_id = $1 and kind_id = $2 and priority = $3 and seq >= $4
order by seq
limit $5
for update skip locked
-- then
delete x from ({each select #3 as seq}) k
straight_join {prefix}ready x force index (primary)
  on x.queue_id = $1 and x.kind_id = $2 and x.priority = $3 and x.seq = k.seq
