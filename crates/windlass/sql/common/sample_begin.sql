-- Look at the totals, unless someone has done so since an instant; holds this until the commit.
-- $1 now_us  $2 instant
update {prefix}meta set value = $1 where name = 'sampled_at' and value < $2
