-- Forget what belongs to operations that ended long ago.
-- $1 finished before this
delete from {prefix}operation_failure
where operation_id in (select o.id from {prefix}operation o where o.finished_at < $1)
