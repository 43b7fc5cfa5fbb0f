-- Ids of jobs under a lease.
-- {filter}: keyset, conditions on j, order, limit      returns: id
-- index: primary key of lease
select l.job_id from {prefix}lease l
join {prefix}job j on j.id = l.job_id
where 1 = 1 {filter}
