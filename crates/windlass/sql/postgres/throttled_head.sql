-- The first jobs of a line (one row per line, batched by the driver).
-- $1 line  $2 limit
-- returns: line, place, seq, job_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
-- index: primary key of throttled
-- lock order: never waiting
-- differs: one array per column, so that a batch of any size is one statement; rows that someone removes
-- just now are skipped.
select t.*
from unnest($1::text[], $2::bigint[]) as l (line, most)
cross join lateral (
  select w.line, w.place, w.seq, w.job_id, w.queue_id, w.kind_id, w.priority, w.epoch, w.attempt, w.crashes, w.snoozes
  from {prefix}throttled w
  where w.line = l.line
  order by w.place, w.seq
  limit l.most
  for update skip locked
) t
