-- The schedules that someone has to look at by now, and that anyone can fire.
-- $1 now_us  $2 limit
-- returns: the columns that store/verb/schedules.rs reads, in its order
-- index: schedule_due
select s.id, s.turn, s.buffered_tick, n.name, s.name, s.version, s.source, s.definition, s.created_at, s.next_tick, s.next_at, s.last_tick, s.paused_at, s.paused_until, s.pause_reason, s.paused_by
from {prefix}schedule s
join {prefix}namespace n on n.id = s.namespace_id
where s.by_code = 0 and s.next_at <= $1
order by s.next_at
limit $2
