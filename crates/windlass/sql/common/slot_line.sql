-- The first slots of a line that are taken (one row per line, batched by the driver).
-- $1 line  $2 limit     returns: line, n
-- index: primary key of slot
select line, n from {prefix}slot where line = $1 order by n limit $2
