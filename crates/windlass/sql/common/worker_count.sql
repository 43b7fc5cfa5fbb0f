-- Registered workers that are known, counted as far as a bound.
-- $1 limit                   returns: how many
select count(*) from (select id from {prefix}worker where origin = 1 limit $1) w
