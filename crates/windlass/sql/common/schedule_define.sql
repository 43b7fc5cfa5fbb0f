-- Change what a schedule is like, once its turn is taken.
-- $1 id  $2 version  $3 source  $4 by_code  $5 definition  $6 next_tick  $7 next_at
update {prefix}schedule
set version = $2, source = $3, by_code = $4, definition = $5, next_tick = $6, next_at = $7
where id = $1
