-- Delete jobs' immutable parts.
-- $1 id
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}job where id = any ($1::bigint[])
