-- The maintained counts of jobs by state.
-- $1 largest code of a state                  returns: queue_id, kind_id, measure, n
select queue_id, kind_id, measure, n from {prefix}tally where measure <= $1 and n <> 0
