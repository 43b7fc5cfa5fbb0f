-- Is this worker alive? An expired one claims nothing and cannot revive itself.
-- $1 worker_id  $2 nonce  $3 now_us           returns: the version of settings and pauses, if so
select (select value from {prefix}meta where name = 'settings')
from {prefix}worker
where id = $1 and nonce = $2 and expires_at > $3
