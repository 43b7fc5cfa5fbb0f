-- Make a workflow or batch, unless one has its idempotency key: then nothing is stored.
-- $1 id  $2 namespace_id  $3 sort  $4 name  $5 idempotency_key  $6 digest  $7 created_at  $8 committed_at
-- $9 state  $10 callbacks  $11 due
insert into {prefix}bundle (id, namespace_id, sort, name, idempotency_key, digest, created_at, committed_at, state, callbacks, due)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (namespace_id, sort, idempotency_key) do nothing
