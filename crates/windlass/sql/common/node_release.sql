-- Give a node number back.
-- $1 n  $2 holder
delete from {prefix}node where n = $1 and holder = $2
