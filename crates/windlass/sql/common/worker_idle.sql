-- Workers that expired long ago and hold nothing.
-- $1 expired_before  $2 limit                 returns: id, nonce
select w.id, w.nonce from {prefix}worker w
where w.expires_at < $1 and not exists (select 1 from {prefix}lease l where l.worker_id = w.id)
limit $2
