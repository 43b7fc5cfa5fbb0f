-- The lines after one in which somebody waits.
-- $1 after this line  $2 limit     returns: line
-- index: primary key of throttled, one probe per line
with recursive next (line, i) as (
  select (select line from {prefix}throttled where line > $1 order by line limit 1), 1
  union all
  select (select t.line from {prefix}throttled t where t.line > n.line order by t.line limit 1), n.i + 1
  from next n
  where n.line is not null and n.i < $2
)
select line from next where line is not null
