-- Ids of jobs that wait for others.
-- {filter}: keyset, conditions on j, order, limit      returns: id
--   `cross join`: SQLite would walk all jobs of a queue that is asked for, and sort what it finds.
select b.job_id from {prefix}blocked b
cross join {prefix}job j
where j.id = b.job_id {filter}
