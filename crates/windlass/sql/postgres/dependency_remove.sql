-- A dependency is met, or its job is gone.
-- $1 parent_id  $2 child_id
-- index: primary key of dependency; "is true" as in settle_take
-- differs: one array per column, so that a batch of any size is one statement.
delete from {prefix}dependency
where parent_id = any ($1::bigint[])
  and ((parent_id, child_id) in (select * from unnest($1::bigint[], $2::bigint[]))) is true
