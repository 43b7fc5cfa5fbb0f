-- Delete a namespace: it loses its name, and a new one of that name has nothing in common with it.
-- $1 id  $2 what it is called from now on
update {prefix}namespace set name = $2 where id = $1
