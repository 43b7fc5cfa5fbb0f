-- The schedules of a namespace by name.
-- $1 namespace_id  $2 after this name  $3 limit
-- returns: the columns that store/verb/schedules.rs reads, in its order
-- index: unique (namespace_id, name)
select s.id, s.turn, s.buffered_tick, n.name, s.name, s.version, s.source, s.definition, s.created_at, s.next_tick, s.next_at, s.last_tick, s.paused_at, s.paused_until, s.pause_reason, s.paused_by
from {prefix}schedule s
join {prefix}namespace n on n.id = s.namespace_id
where s.namespace_id = $1 and s.name > $2
order by s.name
limit $3
