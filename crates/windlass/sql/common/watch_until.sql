-- Until when transitions are written down as events.
--                                             returns: instant
select value from {prefix}meta where name = 'watched_until'
