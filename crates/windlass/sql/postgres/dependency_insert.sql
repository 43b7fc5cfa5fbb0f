-- Note that a job waits for another one.
-- $1 parent_id  $2 child_id  $3 1 if any end will do  $4 1 if a failure is ignored
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}dependency (parent_id, child_id, any_end, ignores_failure)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
