-- What a job still waits for.
-- $1 child_id                                 returns: parent_id
-- index: dependency_child
select parent_id from {prefix}dependency where child_id = $1 order by parent_id
