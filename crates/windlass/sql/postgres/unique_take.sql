-- Take unique keys for new jobs, unless another job holds them: a key whose period is over is free (one
-- row per key, batched by the driver).
-- $1 digest  $2 job_id  $3 expires_at  $4 now_us
-- lock order: digests ascending
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}unique_claim as held (digest, job_id, expires_at)
select digest, job_id, expires_at
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) as p (digest, job_id, expires_at, now)
on conflict (digest) do update set job_id = excluded.job_id, expires_at = excluded.expires_at
where held.expires_at <= (select max(now) from unnest($4::bigint[]) as now)
