-- Keep a bucket as it is now. shut_until only moves on: someone else may have moved it meanwhile.
-- $1 line  $2 full_at  $3 shut_until  $4 wake_at
-- lock order: lines ascending
-- differs: one array per column, so that a batch of any size is one statement; the greater of two has another name.
insert into {prefix}bucket as b (line, full_at, shut_until, wake_at)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
on conflict (line) do update set full_at = greatest(b.full_at, excluded.full_at), shut_until = greatest(b.shut_until, excluded.shut_until), wake_at = excluded.wake_at
