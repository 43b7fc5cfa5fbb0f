-- The claim order of one queue, kind and priority, for merging with aging.
-- $1 queue_id  $2 kind_id  $3 priority  $4 limit      returns: priority, seq
-- index: primary key of ready, no sort
select priority, seq from {prefix}ready
where queue_id = $1 and kind_id = $2 and priority = $3
order by seq
limit $4
