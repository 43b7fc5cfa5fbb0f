-- Forget a limit.
-- $1 namespace_id  $2 name
delete from {prefix}key_limit where namespace_id = $1 and name = $2
