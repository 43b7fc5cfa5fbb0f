-- Find a namespace.
-- $1 name                                     returns: id
select id from {prefix}namespace where name = $1
