-- One schedule.
-- $1 namespace  $2 name
-- returns: the columns that store/verb/schedules.rs reads, in its order
-- index: unique (namespace_id, name)
select s.id, s.turn, s.buffered_tick, n.name, s.name, s.version, s.source, s.definition, s.created_at, s.next_tick, s.next_at, s.last_tick, s.paused_at, s.paused_until, s.pause_reason, s.paused_by
from {prefix}schedule s
join {prefix}namespace n on n.id = s.namespace_id
where n.name = $1 and s.name = $2
