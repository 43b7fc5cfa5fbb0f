-- Note that an API key was used, unless that was noted since $3.
-- $1 id  $2 now_us  $3 earlier instant
update {prefix}api_key set used_at = $2
where id = $1 and (used_at is null or used_at < $3)
