-- The first slots of a line that are taken (one row per line, batched by the driver).
-- $1 line  $2 limit     returns: line, n
-- index: primary key of slot
-- differs: one array per column, so that a batch of any size is one statement.
select t.line, t.n
from unnest($1::text[], $2::bigint[]) as l (line, most)
cross join lateral (
  select s.line, s.n from {prefix}slot s where s.line = l.line order by s.n limit l.most
) t
