-- Ids of jobs in the delayed room.
-- {filter}: a reason of d, keyset, conditions on j, order, limit      returns: id
--   `cross join`: SQLite would walk all jobs of a queue that is asked for, and sort what it finds.
-- index: delayed_reason
select d.job_id from {prefix}delayed d
cross join {prefix}job j
where j.id = d.job_id {filter}
