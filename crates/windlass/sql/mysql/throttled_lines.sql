-- The lines after one in which somebody waits.
-- $1 after this line  $2 limit     returns: line
-- index: primary key of throttled, one probe per line (a loose scan)
-- differs: a recursive query finds nothing here when it is run with parameters.
select distinct line from {prefix}throttled force index (primary) where line > $1 order by line limit $2
