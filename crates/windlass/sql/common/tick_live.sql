-- The jobs of a schedule that have not ended.
-- $1 schedule_id                              returns: job_id
-- index: primary keys of schedule_tick, job and outcome
select t.job_id from {prefix}schedule_tick t
join {prefix}job j on j.id = t.job_id
where t.schedule_id = $1
  and not exists (select 1 from {prefix}outcome o where o.job_id = t.job_id)
order by t.job_id
