-- Forget old events.
-- $1 id
-- index: primary key of event
delete from {prefix}event where id <= $1
