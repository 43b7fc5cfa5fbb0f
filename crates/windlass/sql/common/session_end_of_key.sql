-- End all sessions of a key.
-- $1 key_id
-- index: session_key
delete from {prefix}session where key_id = $1
