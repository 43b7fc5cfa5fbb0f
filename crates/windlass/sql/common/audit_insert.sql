-- Add a line to the audit.
-- $1 id  $2 at  $3 namespace  $4 actor  $5 role  $6 ip  $7 action  $8 target  $9 request_id  $10 detail
insert into {prefix}audit (id, at, namespace, actor, role, ip, action, target, request_id, detail)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
