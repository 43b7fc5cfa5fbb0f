-- When someone has to look at a schedule next.
--                                             returns: next_at
-- index: schedule_due, one probe
select next_at from {prefix}schedule where by_code = 0 and next_at is not null order by next_at limit 1
