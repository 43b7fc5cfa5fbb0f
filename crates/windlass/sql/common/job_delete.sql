-- Delete a job's immutable part.
-- $1 id
delete from {prefix}job where id = $1
