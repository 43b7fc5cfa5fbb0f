-- Is there a ready job in this lane? (one row per lane, batched by the driver)
-- $1 queue_id  $2 kind_id  $3 priority  $4 floor of seq         returns: queue_id, kind_id, priority
-- index: primary key of ready, one probe; a scalar subquery, because a semi-join might read the whole room
-- differs: one statement for the whole batch.
select l.queue_id, l.kind_id, l.priority
from ({each select $1 as queue_id, $2 as kind_id, $3 as priority, $4 as floor}) l
where (
  select 1 from {prefix}ready r force index (primary)
  where r.queue_id = l.queue_id and r.kind_id = l.kind_id and r.priority = l.priority and r.seq >= l.floor
  limit 1
) is not null
