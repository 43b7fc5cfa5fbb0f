-- Keep a bucket as it is now. shut_until only moves on: someone else may have moved it meanwhile.
-- $1 line  $2 full_at  $3 shut_until  $4 wake_at
-- lock order: lines ascending
-- differs: no `on conflict` here, and the greater of two has another name.
insert into {prefix}bucket (line, full_at, shut_until, wake_at)
values ($1, $2, $3, $4)
on duplicate key update full_at = greatest(full_at, values(full_at)), shut_until = greatest(shut_until, values(shut_until)), wake_at = values(wake_at)
