-- Forget a claim without registration that holds nothing any more.
-- $1 worker_id  $2 nonce
delete from {prefix}worker
where id = $1 and nonce = $2 and origin = 2
  and not exists (select 1 from {prefix}lease l where l.worker_id = {prefix}worker.id)
