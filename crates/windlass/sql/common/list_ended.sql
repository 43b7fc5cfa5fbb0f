-- Ids of jobs in a terminal state.
-- {filter}: state of o, keyset, conditions on j, order, limit      returns: id
--   `cross join`: SQLite would walk all jobs of a queue that is asked for, and sort what it finds.
-- index: outcome_state
select o.job_id from {prefix}outcome o
cross join {prefix}job j
where j.id = o.job_id {filter}
