-- The kinds of a namespace by name.
-- $1 namespace_id  $2 after this name  $3 limit        returns: id, name
select id, name from {prefix}kind
where namespace_id = $1 and name > $2
order by name
limit $3
