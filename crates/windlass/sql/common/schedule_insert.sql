-- Keep a new schedule.
-- $1 id  $2 namespace_id  $3 name  $4 source  $5 by_code  $6 definition  $7 created_at  $8 next_tick  $9 next_at
insert into {prefix}schedule (id, namespace_id, name, version, source, by_code, definition, created_at, next_tick, next_at)
values ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9)
