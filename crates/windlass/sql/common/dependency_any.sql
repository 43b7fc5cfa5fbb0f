-- Does any job wait for another one?
--                                             returns: 1 if so
select 1 from {prefix}dependency limit 1
