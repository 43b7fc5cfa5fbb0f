-- How far an import has come: the last job of it that was looked at.
-- $1 name                                     returns: value
select value from {prefix}meta where name = $1
