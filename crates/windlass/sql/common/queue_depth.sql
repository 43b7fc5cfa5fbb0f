-- Jobs of a queue that wait, by the maintained counts.
-- $1 queue_id  $2 to $4 measures of the waiting states          returns: n
select coalesce(sum(n), 0) from {prefix}tally
where queue_id = $1 and measure in ($2, $3, $4)
