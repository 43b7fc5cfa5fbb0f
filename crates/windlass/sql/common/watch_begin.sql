-- Have transitions written down again; changes nothing while they are.
-- $1 until  $2 now_us
update {prefix}meta set value = $1 where name = 'watched_until' and value <= $2
