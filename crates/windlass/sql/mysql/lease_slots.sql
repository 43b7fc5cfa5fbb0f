-- The slots of a line that leases hold (one row per line, batched by the driver).
-- $1 line  $2 limit (not used)     returns: line, slot
-- index: lease_slot
-- differs: one statement for the whole batch, which has no limit per line here: a line has few slots, unless its
-- limit has just been set.
select x.line, x.slot
from ({keys select $1 as line, $2 as most}) k
straight_join {prefix}lease x force index ({prefix}lease_slot) on x.line = convert(k.line using ascii)
