-- Make a namespace.
-- $1 name
insert into {prefix}namespace (name) values ($1)
