-- Keep a job from being deleted by others until the commit.
-- $1 job_id                                   returns: id
select id from {prefix}job where id = $1
