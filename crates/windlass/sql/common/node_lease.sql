-- Take a node number, or renew the lease on it.
-- $1 n  $2 holder  $3 expires_at
insert into {prefix}node (n, holder, expires_at) values ($1, $2, $3)
on conflict (n) do update set expires_at = excluded.expires_at where {prefix}node.holder = excluded.holder
