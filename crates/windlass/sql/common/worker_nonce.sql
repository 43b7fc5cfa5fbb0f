-- The nonce of a worker: a restored backup cannot match a worker that runs from before it.
-- $1 worker_id                                returns: nonce
select nonce from {prefix}worker where id = $1
