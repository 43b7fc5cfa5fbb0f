-- Begin an operation.
-- $1 id  $2 namespace_id  $3 state  $4 definition  $5 matched  $6 created_at
insert into {prefix}operation (id, namespace_id, state, definition, after_job, matched, done, failed, created_at, next_at)
values ($1, $2, $3, $4, 0, $5, 0, 0, $6, $6)
