-- Ids of jobs that wait in lines.
-- {filter}: keyset, conditions on j, order, limit      returns: id
select t.job_id from {prefix}throttled t
join {prefix}job j on j.id = t.job_id
where 1 = 1 {filter}
