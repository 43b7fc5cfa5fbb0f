-- What became of a tick.
-- $1 schedule_id  $2 tick                     returns: state, job_id
-- index: primary key of schedule_tick
select state, job_id from {prefix}schedule_tick where schedule_id = $1 and tick = $2
