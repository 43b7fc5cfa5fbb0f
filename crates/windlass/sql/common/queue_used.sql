-- Does this queue hold a job, of whatever state?
-- $1 queue_id                                 returns: a job_id if so
-- index: job_queue, one probe
select id from {prefix}job where queue_id = $1 limit 1
