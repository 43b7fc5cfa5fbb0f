-- Keep an attempt that did not complete. One epoch is one attempt; an outcome that is revived
-- may already have its row.
-- $1 job_id  $2 epoch  $3 attempt  $4 worker  $5 started_at  $6 finished_at  $7 class  $8 message  $9 backtrace
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}attempt (job_id, epoch, attempt, worker, started_at, finished_at, class, message, backtrace)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[])
on conflict (job_id, epoch) do nothing
