-- Keep something with a job while its lease stands, instead of what was kept there before.
-- $1 job_id  $2 epoch  $3 worker_id  $4 nonce  $5 part  $6 name  $7 place  $8 due_at  $9 at  $10 data
-- returns: nothing; no row changed means that the lease is gone
-- lock order: the lease, which cannot end before this is stored
-- differs: the types of parameters have to be named, and the lease is locked.
insert into {prefix}saved (job_id, part, name, place, due_at, at, data)
select l.job_id, $5::bigint, $6::text, $7::bigint, $8::bigint, $9::bigint, $10::bytea
from {prefix}lease l
where l.job_id = $1 and l.epoch = $2 and l.worker_id = $3
  and not exists (select 1 from {prefix}worker w where w.id = l.worker_id and w.nonce <> $4)
for share of l
on conflict (job_id, part, name) do update set place = excluded.place, due_at = excluded.due_at, at = excluded.at, data = excluded.data
