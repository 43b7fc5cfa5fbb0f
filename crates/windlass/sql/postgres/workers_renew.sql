-- Renew workers for the length of their own leases, and with them what they hold; none that has expired.
-- $1 worker_id  $2 nonce  $3 now_us, the same for all
-- differs: one array per column, so that a batch of any size is one statement.
update {prefix}worker set expires_at = ($3::bigint[])[1] + lease_ms * 1000
where id = any ($1::bigint[])
  and ((id, nonce) in (select * from unnest($1::bigint[], $2::bigint[]))) is true
  and expires_at > ($3::bigint[])[1]
