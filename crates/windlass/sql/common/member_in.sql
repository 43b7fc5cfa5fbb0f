-- Is a job of a workflow or batch in one of two states?
-- $1 bundle_id  $2 state  $3 or this one      returns: 1 if so
-- index: member_state
select 1 from {prefix}member where state in ($2, $3) and bundle_id = $1 limit 1
