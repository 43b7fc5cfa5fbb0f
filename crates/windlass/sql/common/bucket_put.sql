-- Keep a bucket as it is now. shut_until only moves on: someone else may have moved it meanwhile.
-- $1 line  $2 full_at  $3 shut_until  $4 wake_at
-- lock order: lines ascending
insert into {prefix}bucket (line, full_at, shut_until, wake_at)
values ($1, $2, $3, $4)
on conflict (line) do update set full_at = max(full_at, excluded.full_at), shut_until = max(shut_until, excluded.shut_until), wake_at = excluded.wake_at
