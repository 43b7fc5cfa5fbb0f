-- Jobs that still wait for this one.
-- $1 parent_id  $2 limit                      returns: child_id
-- index: primary key of dependency
select child_id from {prefix}dependency where parent_id = $1 order by child_id limit $2
