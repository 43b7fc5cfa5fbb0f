-- What a worker holds, as the database sees it.
-- $1 worker_id                                returns: job_id, epoch, cancel_by
-- The lease room holds what is in flight, so the scan is short.
select job_id, epoch, cancel_by from {prefix}lease where worker_id = $1
