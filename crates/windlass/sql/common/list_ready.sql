-- Ids of jobs in the ready room.
-- {filter}: keyset, conditions on j, order, limit      returns: id
select r.job_id from {prefix}ready r
join {prefix}job j on j.id = r.job_id
where 1 = 1 {filter}
