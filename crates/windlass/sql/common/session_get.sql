-- A session that has not expired, with its key.
-- $1 digest  $2 now_us
-- returns: the columns that store/verb/api_keys.rs reads, in its order, then secret_digest, expires_at of the session
-- index: the primary keys
select k.id, k.digest, k.old_digest, k.old_until, k.role, k.namespaces, k.queues, k.label, k.created_at, k.created_by, k.expires_at, k.revoked_at, k.used_at, k.rates, s.secret_digest, s.expires_at
from {prefix}session s
join {prefix}api_key k on k.id = s.key_id
where s.digest = $1 and s.expires_at > $2
