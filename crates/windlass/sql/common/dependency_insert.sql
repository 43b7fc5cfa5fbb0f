-- Note that a job waits for another one.
-- $1 parent_id  $2 child_id  $3 1 if any end will do  $4 1 if a failure is ignored
insert into {prefix}dependency (parent_id, child_id, any_end, ignores_failure)
values ($1, $2, $3, $4)
