-- Lines of the audit of one namespace, the latest first; an empty text stands for any.
-- $1 namespace  $2 before this id  $3 actor  $4 action  $5 target  $6 limit
-- returns: the columns that store/verb/audit.rs reads, in its order
-- index: audit_namespace
select id, at, namespace, actor, role, ip, action, target, request_id, detail
from {prefix}audit
where namespace = $1 and id < $2 and ($3 = '' or actor = $3) and ($4 = '' or action = $4) and ($5 = '' or target = $5)
order by id desc
limit $6
