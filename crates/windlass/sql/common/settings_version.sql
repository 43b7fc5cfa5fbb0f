-- The number that grows whenever a queue's settings or a pause change.
--                                             returns: version
select value from {prefix}meta where name = 'settings'
