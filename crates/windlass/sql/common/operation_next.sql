-- When someone has to go on with an operation next.
--                                             returns: next_at
-- index: operation_next, one probe
select next_at from {prefix}operation where next_at is not null order by next_at limit 1
