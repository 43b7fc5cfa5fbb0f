-- Lines of the audit of all namespaces and of none, the latest first; an empty text stands for any.
-- $1 before this id  $2 actor  $3 action  $4 target  $5 limit
-- returns: the columns that store/verb/audit.rs reads, in its order
-- index: primary key of audit
select id, at, namespace, actor, role, ip, action, target, request_id, detail
from {prefix}audit
where id < $1 and ($2 = '' or actor = $2) and ($3 = '' or action = $3) and ($4 = '' or target = $4)
order by id desc
limit $5
