-- Forget workers that expired long ago and hold nothing.
-- $1 expired_before
delete from {prefix}worker
where expires_at < $1 and not exists (select 1 from {prefix}lease l where l.worker_id = {prefix}worker.id)
