-- Does anybody wait in this line? (one row per line, batched by the driver)
-- $1 line     returns: line, if so
-- index: primary key of throttled, one probe
-- differs: one array per column, so that a batch of any size is one statement.
select l.line
from unnest($1::text[]) as l (line)
cross join lateral (select 1 from {prefix}throttled t where t.line = l.line limit 1) as found
