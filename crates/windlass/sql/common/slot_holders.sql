-- Who holds the slots of a line.
-- $1 line  $2 limit     returns: job_id
-- index: primary key of slot
select job_id from {prefix}slot where line = $1 order by n limit $2
