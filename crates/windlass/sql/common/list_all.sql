-- Ids of jobs in any state.
-- {filter}: keyset, conditions on j, order, limit      returns: id
select j.id from {prefix}job j
where 1 = 1 {filter}
