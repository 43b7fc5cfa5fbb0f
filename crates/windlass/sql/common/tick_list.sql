-- The ticks of a schedule, the latest first.
-- $1 schedule_id  $2 before this tick  $3 limit
-- returns: tick, state, at, job_id
-- index: primary key of schedule_tick
select tick, state, at, job_id from {prefix}schedule_tick
where schedule_id = $1 and tick < $2
order by tick desc
limit $3
