-- Forget what has its place now: these rows, because others may be committed meanwhile.
-- $1 id
-- differs: one statement for the whole batch, by whole keys: a condition of many keys may be read as
-- a range, and waits for the rows of others.
delete x from ({keys select $1 as id}) k straight_join {prefix}event_new x force index (primary) on x.id = k.id
