-- Jobs that are deleted are no members any more.
-- $1 job_id
-- index: member_job
delete from {prefix}member where job_id = $1
