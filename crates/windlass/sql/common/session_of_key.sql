-- The newest sessions of a key.
-- $1 key_id  $2 limit                       returns: digest, the newest first
-- index: session_key
select digest from {prefix}session
where key_id = $1
order by created_at desc
limit $2
