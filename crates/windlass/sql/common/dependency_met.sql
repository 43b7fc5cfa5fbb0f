-- Dependencies whose parent has ended or is gone, in the order of the parents.
-- $1 after this parent_id  $2 limit
-- returns: parent_id, child_id, any_end, ignores_failure, state of the parent, 1 if it is gone
-- index: primary key of dependency
select d.parent_id, d.child_id, d.any_end, d.ignores_failure, o.state, case when j.id is null then 1 else 0 end
from {prefix}dependency d
left join {prefix}job j on j.id = d.parent_id
left join {prefix}outcome o on o.job_id = d.parent_id
where d.parent_id > $1 and (o.job_id is not null or j.id is null)
order by d.parent_id, d.child_id
limit $2
