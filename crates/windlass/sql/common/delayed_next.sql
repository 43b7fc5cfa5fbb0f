-- When the next delayed job is due.
--                                             returns: run_at
-- index: primary key of delayed, one probe
select run_at from {prefix}delayed order by run_at limit 1
