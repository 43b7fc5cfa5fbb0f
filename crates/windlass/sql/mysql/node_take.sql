-- Take a free node number; no row changed means that another process was faster.
-- $1 n  $2 holder  $3 expires_at
-- differs: no `on conflict` here; the values were checked, so a duplicate is all there is to ignore.
insert ignore into {prefix}node (n, holder, expires_at) values ($1, $2, $3)
