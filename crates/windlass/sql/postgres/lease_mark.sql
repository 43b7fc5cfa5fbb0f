-- Note the lines of leases whose keys have no limit yet, so that one that is set later counts them.
-- $1 job_id  $2 line
-- index: primary key of lease
-- differs: claims that write them one by one know the line before.
update {prefix}lease set line = ($2::text[])[array_position($1::bigint[], job_id)], slot = job_id
where job_id = any ($1::bigint[])
