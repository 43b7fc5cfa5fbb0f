-- The claim order of one lane, to merge it with others.
-- $1 queue_id  $2 kind_id  $3 priority  $4 floor of seq  $5 limit        returns: priority, seq
-- index: primary key of ready, no sort
select priority, seq from {prefix}ready
where queue_id = $1 and kind_id = $2 and priority = $3 and seq >= $4
order by seq
limit $5
