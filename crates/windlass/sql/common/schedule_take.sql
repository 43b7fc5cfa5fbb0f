-- Take the turn of a schedule: until the commit nobody else changes or fires it, and whoever read it before
-- finds it changed.
-- $1 id  $2 turn
update {prefix}schedule set turn = turn + 1 where id = $1 and turn = $2
