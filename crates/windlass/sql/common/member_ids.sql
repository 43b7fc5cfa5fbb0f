-- Jobs of a workflow or batch after one, in the order of their ids, with the states they ended in.
-- $1 bundle_id  $2 after this job_id  $3 limit        returns: job_id, state, reason
-- index: primary key of member
select m.job_id, o.state, o.reason from {prefix}member m
left join {prefix}outcome o on o.job_id = m.job_id
where m.bundle_id = $1 and m.job_id > $2
order by m.job_id
limit $3
