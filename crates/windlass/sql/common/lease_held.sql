-- What a worker is asked, and what it holds, as the database sees it: one row at least while it is known.
-- $1 worker_id                                returns: asked, job_id, epoch, cancel_by, claimed_at
-- The lease room holds what is in flight, so the scan is short.
select w.asked, l.job_id, l.epoch, l.cancel_by, l.claimed_at
from {prefix}worker w
left join {prefix}lease l on l.worker_id = w.id
where w.id = $1
