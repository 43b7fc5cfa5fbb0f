-- The slots of a line that leases hold (one row per line, batched by the driver).
-- $1 line  $2 limit     returns: line, slot
-- index: lease_slot
-- differs: one array per column, so that a batch of any size is one statement.
select t.line, t.slot
from unnest($1::text[], $2::bigint[]) as l (line, most)
cross join lateral (
  select s.line, s.slot from {prefix}lease s where s.line = l.line order by s.slot limit l.most
) t
