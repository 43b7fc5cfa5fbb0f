-- Forget operations that ended long ago.
-- $1 finished before this
delete from {prefix}operation where finished_at < $1
