-- The tick from which on the history of a schedule is too old.
-- $1 schedule_id  $2 how many to keep         returns: tick
-- index: primary key of schedule_tick
select tick from {prefix}schedule_tick where schedule_id = $1 order by tick desc limit 1 offset $2
