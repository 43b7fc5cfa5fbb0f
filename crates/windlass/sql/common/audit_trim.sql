-- Forget lines of the audit up to one.
-- $1 id
-- index: primary key of audit
delete from {prefix}audit where id <= $1
