-- Delete a schedule, once its turn is taken.
-- $1 id
delete from {prefix}schedule where id = $1
