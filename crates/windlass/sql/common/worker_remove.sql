-- Forget a worker that left.
-- $1 worker_id  $2 nonce
delete from {prefix}worker where id = $1 and nonce = $2
