-- Register a worker process.
-- $1 id  $2 nonce  $3 namespace_id  $4 name  $5 queues  $6 kinds  $7 slots  $8 lease_ms  $9 started_at  $10 expires_at
-- $11 labels  $12 version  $13 origin
insert into {prefix}worker (id, nonce, namespace_id, name, queues, kinds, slots, lease_ms, started_at, expires_at, labels, version, origin)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
