-- The id of the last event in its final order.
--                                             returns: id
select value from {prefix}meta where name = 'last_event'
