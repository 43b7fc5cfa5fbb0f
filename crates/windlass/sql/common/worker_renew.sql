-- Heartbeat: one row per process, and none for a worker that has already expired.
-- $1 worker_id  $2 nonce  $3 now_us  $4 expires_at
update {prefix}worker set expires_at = $4
where id = $1 and nonce = $2 and expires_at > $3
