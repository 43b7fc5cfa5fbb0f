-- Renew workers for the length of their own leases, and with them what they hold; none that has expired.
-- $1 worker_id  $2 nonce  $3 now_us, the same for all
-- differs: one statement for the whole batch.
update {prefix}worker set expires_at = $3 + lease_ms * 1000
where {any id = $1 and nonce = $2} and expires_at > $3
