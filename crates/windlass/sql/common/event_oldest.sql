-- The oldest events and when they were.
-- $1 limit         returns: id, at
-- index: primary key of event
select id, at from {prefix}event order by id limit $1
