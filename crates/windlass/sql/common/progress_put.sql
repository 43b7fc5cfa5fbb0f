-- Keep a handler's progress while its lease stands.
-- $1 job_id  $2 epoch  $3 worker_id  $4 thousandths of a percent  $5 message  $6 at
insert into {prefix}progress (job_id, percent, message, at)
select job_id, $4, $5, $6 from {prefix}lease where job_id = $1 and epoch = $2 and worker_id = $3
on conflict (job_id) do update set percent = excluded.percent, message = excluded.message, at = excluded.at
