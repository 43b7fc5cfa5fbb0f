-- Have someone look whether a workflow or batch has ended.
-- $1 id
update {prefix}bundle set due = 1 where id = $1
