-- Move a schedule on to its next tick, once its turn is taken.
-- $1 id  $2 next_tick  $3 next_at  $4 buffered_tick  $5 last_tick
update {prefix}schedule
set next_tick = $2, next_at = $3, buffered_tick = $4, last_tick = $5
where id = $1
