-- Is there a ready job in this lane? (one row per lane, batched by the driver)
-- $1 queue_id  $2 kind_id  $3 priority  $4 floor of seq         returns: queue_id, kind_id, priority
-- index: primary key of ready, one probe
-- differs: one array per column, so that a batch of any size is one statement.
select p.queue_id, p.kind_id, p.priority
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) as p (queue_id, kind_id, priority, floor)
cross join lateral (
  select 1 from {prefix}ready r
  where r.queue_id = p.queue_id and r.kind_id = p.kind_id and r.priority = p.priority and r.seq >= p.floor
  limit 1
) as found
