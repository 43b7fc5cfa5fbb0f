-- Where jobs belong that have ended or are gone (one row per job, batched by the driver).
-- $1 job_id
-- returns: bundle_id, job_id, state that was gathered, state the job ended in, 1 if it is gone
-- index: member_job
select m.bundle_id, m.job_id, m.state, o.state, case when j.id is null then 1 else 0 end
from {prefix}member m
left join {prefix}job j on j.id = m.job_id
left join {prefix}outcome o on o.job_id = m.job_id
where m.job_id = $1 and (o.job_id is not null or j.id is null)
