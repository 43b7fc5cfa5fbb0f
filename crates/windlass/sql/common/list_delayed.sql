-- Ids of jobs in the delayed room.
-- {filter}: reasons of d, keyset, conditions on j, order, limit      returns: id
-- index: delayed_job
select d.job_id from {prefix}delayed d
join {prefix}job j on j.id = d.job_id
where 1 = 1 {filter}
