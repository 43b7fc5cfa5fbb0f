-- Keep what became of a tick: the primary key refuses a second one.
-- $1 schedule_id  $2 tick  $3 state  $4 at  $5 job_id
insert into {prefix}schedule_tick (schedule_id, tick, state, at, job_id)
values ($1, $2, $3, $4, $5)
