-- Have transitions written down for longer.
-- $1 until
update {prefix}meta set value = $1 where name = 'watched_until' and value < $1
