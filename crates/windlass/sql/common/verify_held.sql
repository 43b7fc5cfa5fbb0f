-- Lines of concurrency keys in which more than one job holds a slot: by its lease, while it is ready, or for life.
--                                             returns: line, jobs
select h.line, count(*) from (
  select line from {prefix}lease where line is not null
  union all
  select s.line from {prefix}slot s join {prefix}ready r on r.job_id = s.job_id where s.held = 1
  union all
  select s.line from {prefix}slot s
  join {prefix}job j on j.id = s.job_id
  left join {prefix}outcome o on o.job_id = s.job_id
  where s.held = 3 and o.job_id is null
) h
where h.line like 'c:%'
group by h.line
having count(*) > 1
