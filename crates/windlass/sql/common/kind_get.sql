-- Find a kind.
-- $1 namespace_id  $2 name                    returns: id
select id from {prefix}kind where namespace_id = $1 and name = $2
