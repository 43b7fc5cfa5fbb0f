-- Is there a ready job in this lane? (one row per lane, batched by the driver)
-- $1 queue_id  $2 kind_id  $3 priority  $4 floor of seq         returns: queue_id, kind_id, priority
-- index: primary key of ready, one probe
-- differs: one statement for the whole batch.
{each (select queue_id, kind_id, priority from {prefix}ready force index (primary) where queue_id = $1 and kind_id = $2 and priority = $3 and seq >= $4 limit 1)}
