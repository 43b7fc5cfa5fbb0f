-- Ids of jobs under a lease.
-- {filter}: keyset, conditions on j, order, limit      returns: id
--   `cross join`: SQLite would walk all jobs of a queue that is asked for, and sort what it finds.
-- index: primary key of lease
select l.job_id from {prefix}lease l
cross join {prefix}job j
where j.id = l.job_id {filter}
