-- Who holds the slots of a line: by a lease, or before one.
-- $1 line  $2 limit     returns: job_id
-- index: lease_slot, and the primary key of slot
select job_id from (
  select job_id, slot as n from {prefix}lease where line = $1
  union all
  select job_id, n from {prefix}slot where line = $1
) held
order by n
limit $2
