-- Find a queue.
-- $1 namespace_id  $2 name                    returns: id
select id from {prefix}queue where namespace_id = $1 and name = $2
