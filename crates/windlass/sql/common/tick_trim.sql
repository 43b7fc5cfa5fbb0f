-- Forget old ticks of a schedule, except those whose job has not ended.
-- $1 schedule_id  $2 this tick and earlier
delete from {prefix}schedule_tick
where schedule_id = $1 and tick <= $2
  and (job_id is null or exists (select 1 from {prefix}outcome o where o.job_id = {prefix}schedule_tick.job_id))
