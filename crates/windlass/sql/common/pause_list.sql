-- Every pause, over or not.
-- returns: namespace_id, queue_id, kind_id, kind, paused_at, paused_until, reason, actor
select p.namespace_id, p.queue_id, p.kind_id, k.name, p.paused_at, p.paused_until, p.reason, p.actor
from {prefix}pause p
left join {prefix}kind k on k.id = p.kind_id
