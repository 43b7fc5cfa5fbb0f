-- Ids of jobs that wait for others.
-- {filter}: keyset, conditions on j, order, limit      returns: id
select b.job_id from {prefix}blocked b
join {prefix}job j on j.id = b.job_id
where 1 = 1 {filter}
