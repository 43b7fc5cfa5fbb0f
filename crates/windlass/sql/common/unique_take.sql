-- Take unique keys for new jobs, unless another job holds them: a key whose period is over is free (one
-- row per key, batched by the driver).
-- $1 digest  $2 job_id  $3 expires_at  $4 now_us
-- lock order: digests ascending
insert into {prefix}unique_claim (digest, job_id, expires_at) values ($1, $2, $3)
on conflict (digest) do update set job_id = excluded.job_id, expires_at = excluded.expires_at
where {prefix}unique_claim.expires_at <= $4
