-- One API key.
-- $1 id
-- returns: the columns that store/verb/api_keys.rs reads, in its order
select id, digest, old_digest, old_until, role, namespaces, queues, label, created_at, created_by, expires_at, revoked_at, used_at, rates
from {prefix}api_key
where id = $1
