-- A request takes effect with this transaction.
-- $1 namespace_id  $2 name  $3 holder
update {prefix}reply set marked = 1 where namespace_id = $1 and name = $2 and holder = $3
