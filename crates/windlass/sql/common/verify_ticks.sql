-- Ticks that contradict their schedule or their job: 1 the job is not there, 2 fired before its turn,
-- 3 no such schedule.
-- $1 limit                                    returns: schedule_id, tick, what is wrong
select t.schedule_id, t.tick, 1 from {prefix}schedule_tick t
where t.job_id is not null and not exists (select 1 from {prefix}job j where j.id = t.job_id)
union all
select t.schedule_id, t.tick, 2 from {prefix}schedule_tick t
join {prefix}schedule s on s.id = t.schedule_id
where t.state = 1 and t.tick >= s.next_tick
union all
select t.schedule_id, t.tick, 3 from {prefix}schedule_tick t
where not exists (select 1 from {prefix}schedule s where s.id = t.schedule_id)
limit $1
