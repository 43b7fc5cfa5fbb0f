-- Jobs whose start_by or deadline has come.
-- $1 now_us  $2 limit                         returns: at, job_id
-- index: primary key of expiry
select at, job_id from {prefix}expiry where at <= $1 order by at limit $2
