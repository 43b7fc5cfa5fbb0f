-- One worker.
-- $1 worker_id       returns: nonce, namespace, name, queues, kinds, lease_ms, expires_at, origin
select w.nonce, n.name, w.name, w.queues, w.kinds, w.lease_ms, w.expires_at, w.origin
from {prefix}worker w
left join {prefix}namespace n on n.id = w.namespace_id
where w.id = $1
