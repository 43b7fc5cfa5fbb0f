-- Jobs of a workflow or batch by the state that was gathered: 0 for those that have not ended.
-- $1 bundle_id                                returns: state, n
-- index: member_state
select state, count(*) from {prefix}member
where state in (0, 5, 6, 7, 8) and bundle_id = $1
group by state
