-- Notice that a worker has stopped renewing; no row changed means that another node has.
-- $1 id  $2 now_us
update {prefix}worker set lost_at = $2 where id = $1 and lost_at is null
