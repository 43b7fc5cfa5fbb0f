-- Take the turn of an operation: until the commit nobody else goes on with it, and whoever read it before
-- finds it changed.
-- $1 id  $2 turn
update {prefix}operation set turn = turn + 1 where id = $1 and turn = $2
