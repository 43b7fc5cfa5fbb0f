-- Jobs that this worker is to stop.
-- $1 worker_id                                returns: job_id
-- index: lease_cancel, normally empty
select job_id from {prefix}lease where cancel_by is not null and worker_id = $1
