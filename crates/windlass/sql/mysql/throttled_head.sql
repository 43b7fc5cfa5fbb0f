-- The first jobs of a line (one row per line, batched by the driver).
-- $1 line  $2 limit
-- returns: line, place, seq, job_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
-- index: primary key of throttled
-- lock order: never waiting
-- differs: rows that someone removes just now are skipped.
select line, place, seq, job_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes
from {prefix}throttled force index (primary)
where line = $1
order by place, seq
limit $2
for update skip locked
