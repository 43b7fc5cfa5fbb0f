-- A dependency is met, or its job is gone.
-- $1 parent_id  $2 child_id
-- differs: one statement for the whole batch, by whole keys.
delete x from ({keys select $1 as parent_id, $2 as child_id}) k
straight_join {prefix}dependency x force index (primary) on x.parent_id = k.parent_id and x.child_id = k.child_id
