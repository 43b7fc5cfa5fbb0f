-- Register a worker process.
-- $1 nonce  $2 namespace_id  $3 name  $4 queues  $5 kinds  $6 slots  $7 lease_ms  $8 started_at  $9 expires_at
-- returns: id
insert into {prefix}worker (nonce, namespace_id, name, queues, kinds, slots, lease_ms, started_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
returning id
