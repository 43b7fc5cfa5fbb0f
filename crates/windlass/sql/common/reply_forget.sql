-- Forget a request that took no effect.
-- $1 namespace_id  $2 name  $3 holder
delete from {prefix}reply
where namespace_id = $1 and name = $2 and holder = $3 and marked = 0
