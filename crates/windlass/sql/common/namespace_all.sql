-- Every namespace.
--                                             returns: name, id
select name, id from {prefix}namespace
