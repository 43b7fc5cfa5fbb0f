-- Forget every tick of a schedule.
-- $1 schedule_id
delete from {prefix}schedule_tick where schedule_id = $1
