-- The namespaces by name; a name that starts with a tilde is no name: that one was deleted.
-- $1 after this name  $2 limit                returns: name
select name from {prefix}namespace
where name > $1 and name not like '~%'
order by name
limit $2
