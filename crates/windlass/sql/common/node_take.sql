-- Take a free node number; no row changed means that another process was faster.
-- $1 n  $2 holder  $3 expires_at
insert into {prefix}node (n, holder, expires_at) values ($1, $2, $3) on conflict (n) do nothing
