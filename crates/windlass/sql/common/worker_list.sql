-- Workers that are alive; claims without registration are none.
-- $1 now_us                  returns: id, namespace_id, name, queues, kinds, slots, started_at, expires_at
select id, namespace_id, name, queues, kinds, slots, started_at, expires_at
from {prefix}worker
where expires_at > $1 and origin <> 2
order by id
