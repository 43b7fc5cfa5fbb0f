-- Is this line in the audit?
-- $1 id                                       returns: 1 if so
select 1 from {prefix}audit where id = $1
