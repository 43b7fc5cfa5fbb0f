-- Take moments at which a start_by or deadline has to be looked at.
-- $1 now_us  $2 limit                         returns: job_id
-- index: primary key of expiry
-- differs: one writer at a time, so no row needs locking or skipping.
delete from {prefix}expiry
where (at, job_id) in (select at, job_id from {prefix}expiry where at <= $1 order by at limit $2)
returning job_id
