-- Renew a worker for the length of its own lease, and with it what it holds; not one that has expired.
-- $1 worker_id  $2 nonce  $3 now_us
update {prefix}worker set expires_at = $3 + lease_ms * 1000
where id = $1 and nonce = $2 and expires_at > $3
