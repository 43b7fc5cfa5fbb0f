-- Ids of jobs in the delayed room.
-- {filter}: a reason of d, keyset, conditions on j, order, limit      returns: id
-- index: delayed_reason
select d.job_id from {prefix}delayed d
join {prefix}job j on j.id = d.job_id
where 1 = 1 {filter}
