-- Workers that serve a namespace, the latest first; claims without registration are none.
-- $1 namespace_id  $2 before this id  $3 limit
-- returns: id, namespace_id, name, queues, kinds, slots, lease_ms, started_at, expires_at, labels, version, origin, asked, leases
-- The lease room holds what is in flight, so adding it up once is short.
select w.id, w.namespace_id, w.name, w.queues, w.kinds, w.slots, w.lease_ms, w.started_at, w.expires_at, w.labels, w.version, w.origin, w.asked, coalesce(l.n, 0)
from {prefix}worker w
left join (select worker_id, count(*) as n from {prefix}lease group by worker_id) l on l.worker_id = w.id
where (w.namespace_id = $1 or w.namespace_id is null) and w.id < $2 and w.origin <> 2
order by w.id desc
limit $3
