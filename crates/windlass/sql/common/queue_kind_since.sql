-- Pairs of queue and kind made known after a given one.
-- $1 last known id        returns: id, namespace_id, namespace, queue_id, queue, kind_id, kind
-- index: primary key of queue_kind; empty at the price of one probe
select p.id, n.id, n.name, q.id, q.name, k.id, k.name
from {prefix}queue_kind p
join {prefix}queue q on q.id = p.queue_id
join {prefix}kind k on k.id = p.kind_id
join {prefix}namespace n on n.id = q.namespace_id
where p.id > $1
order by p.id
