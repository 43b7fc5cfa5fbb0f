-- Ask a worker to be quiet or to terminate: its heartbeat tells it.
-- $1 worker_id  $2 asked
update {prefix}worker set asked = $2 where id = $1
