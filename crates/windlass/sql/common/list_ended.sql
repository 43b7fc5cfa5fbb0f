-- Ids of jobs in a terminal state.
-- {filter}: state of o, keyset, conditions on j, order, limit      returns: id
-- index: outcome_state
select o.job_id from {prefix}outcome o
join {prefix}job j on j.id = o.job_id
where 1 = 1 {filter}
