-- Does anybody wait in this line? (one row per line, batched by the driver)
-- $1 line     returns: line, if so
-- index: primary key of throttled, one probe
select line from {prefix}throttled where line = $1 limit 1
