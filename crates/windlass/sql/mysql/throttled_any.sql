-- Does anybody wait in this line? (one row per line, batched by the driver)
-- $1 line     returns: line, if so
-- index: primary key of throttled, one probe; a scalar subquery, because a semi-join might read the whole room
-- differs: one statement for the whole batch.
select k.line
from ({each select $1 as line}) k
where (select 1 from {prefix}throttled t force index (primary) where t.line = convert(k.line using ascii) limit 1) is not null
