-- A dependency is met, or its job is gone.
-- $1 parent_id  $2 child_id
delete from {prefix}dependency where parent_id = $1 and child_id = $2
