-- End a session.
-- $1 digest
delete from {prefix}session where digest = $1
