-- The slots of a line that leases hold (one row per line, batched by the driver).
-- $1 line  $2 limit     returns: line, slot
-- index: lease_slot
select line, slot from {prefix}lease where line = $1 order by slot limit $2
