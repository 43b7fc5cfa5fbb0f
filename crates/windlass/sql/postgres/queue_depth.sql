-- Jobs of a queue that wait, by the maintained counts.
-- $1 queue_id  $2 to $4 measures of the waiting states          returns: n
-- differs: changes that are not added up yet count as well.
select coalesce(sum(n), 0)::bigint from (
  select n from {prefix}tally where queue_id = $1 and measure in ($2, $3, $4)
  union all select n from {prefix}tally_change where queue_id = $1 and measure in ($2, $3, $4)
) t
