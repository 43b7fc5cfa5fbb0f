-- Keep a job from being deleted by others until the commit.
-- $1 job_id                                   returns: id
-- differs: here others write at the same time.
select id from {prefix}job where id = $1 for update
