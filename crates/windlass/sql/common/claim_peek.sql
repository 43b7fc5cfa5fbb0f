-- The claim order of one queue and kind, to merge it with that of other kinds.
-- $1 queue_id  $2 kind_id  $3 limit           returns: priority, seq
-- index: primary key of ready, no sort
select priority, seq from {prefix}ready
where queue_id = $1 and kind_id = $2
order by priority, seq
limit $3
