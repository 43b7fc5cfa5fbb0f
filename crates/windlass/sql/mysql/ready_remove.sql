-- Take one job out of the ready room, if it is still there.
-- $1 queue_id  $2 kind_id  $3 priority  $4 seq  $5 job_id
-- lock order: primary key first, as everywhere
-- differs: by the index of job_id the locks would be taken in another order than a claim's.
delete x from {prefix}ready x force index (primary)
where queue_id = $1 and kind_id = $2 and priority = $3 and seq = $4 and job_id = $5
