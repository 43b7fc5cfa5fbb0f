-- Ids of jobs that wait in lines.
-- {filter}: keyset, conditions on j, order, limit      returns: id
--   `cross join`: SQLite would walk all jobs of a queue that is asked for, and sort what it finds.
select t.job_id from {prefix}throttled t
cross join {prefix}job j
where j.id = t.job_id {filter}
