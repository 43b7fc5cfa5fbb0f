-- Keep a new session.
-- $1 digest  $2 key_id  $3 secret_digest  $4 created_at_us  $5 expires_at_us
insert into {prefix}session (digest, key_id, secret_digest, created_at, expires_at)
values ($1, $2, $3, $4, $5)
