-- The slots of a line that are taken (one row per line, batched by the driver).
-- $1 line  $2 limit (not used)     returns: line, n
-- index: primary key of slot
-- differs: one statement for the whole batch, which has no limit per line here: a line has few slots, unless its
-- limit has just been set.
select x.line, x.n
from ({keys select $1 as line, $2 as most}) k
straight_join {prefix}slot x force index (primary) on x.line = convert(k.line using ascii)
