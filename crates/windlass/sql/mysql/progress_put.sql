-- Keep a handler's progress while its lease stands.
-- $1 job_id  $2 epoch  $3 worker_id  $4 thousandths of a percent  $5 message  $6 at
-- differs: no `on conflict` here.
insert into {prefix}progress (job_id, percent, message, at)
select job_id, $4, $5, $6 from {prefix}lease where job_id = $1 and epoch = $2 and worker_id = $3 lock in share mode
on duplicate key update percent = values(percent), message = values(message), at = values(at)
