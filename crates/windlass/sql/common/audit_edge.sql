-- The oldest lines of the audit that are kept no longer.
-- $1 before this id  $2 limit                 returns: id, the oldest first
-- index: primary key of audit
select id from {prefix}audit where id < $1 order by id limit $2
