-- Forget what has its place now: these rows, because others may be committed meanwhile.
-- $1 id
-- differs: one array, so that a batch of any size is one statement.
delete from {prefix}event_new where id = any ($1::bigint[])
