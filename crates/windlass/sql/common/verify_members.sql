-- Members that contradict their job or their bundle: 1 the job is not there, 2 it has not ended as was
-- gathered, 3 no such bundle, 4 the bundle has ended before it.
-- $1 limit                                    returns: bundle_id, job_id, what is wrong
select m.bundle_id, m.job_id, 1 from {prefix}member m
where not exists (select 1 from {prefix}job j where j.id = m.job_id)
union all
select m.bundle_id, m.job_id, 2 from {prefix}member m
where m.state <> 0 and not exists (select 1 from {prefix}outcome o where o.job_id = m.job_id and o.state = m.state)
union all
select m.bundle_id, m.job_id, 3 from {prefix}member m
where not exists (select 1 from {prefix}bundle b where b.id = m.bundle_id)
union all
select m.bundle_id, m.job_id, 4 from {prefix}member m
join {prefix}bundle b on b.id = m.bundle_id
where m.state = 0 and b.ended_at is not null
limit $1
