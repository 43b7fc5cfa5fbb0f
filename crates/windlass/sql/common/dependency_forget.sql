-- A job waits for nothing any more.
-- $1 child_id
-- index: dependency_child
delete from {prefix}dependency where child_id = $1
