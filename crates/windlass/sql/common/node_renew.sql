-- Renew the lease on a node number.
-- $1 n  $2 holder  $3 expires_at
update {prefix}node set expires_at = $3 where n = $1 and holder = $2
