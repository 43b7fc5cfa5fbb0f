-- A row of the inbox has become a job; no row changed means that another node was faster.
-- $1 id
delete from {prefix}inbox where id = $1 and refused is null
