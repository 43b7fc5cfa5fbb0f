-- Revoke an API key.
-- $1 id  $2 now_us
update {prefix}api_key set revoked_at = $2
where id = $1 and revoked_at is null
