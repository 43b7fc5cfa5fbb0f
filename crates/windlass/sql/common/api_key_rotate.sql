-- Give an API key another secret; the one it has works until $4. None if another rotation was faster.
-- $1 id  $2 digest  $3 digest before  $4 old_until
update {prefix}api_key set digest = $2, old_digest = $3, old_until = $4
where id = $1 and digest = $3 and revoked_at is null
