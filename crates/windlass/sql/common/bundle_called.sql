-- Callbacks that are stored are not stored again, and nobody has to look any more.
-- $1 id  $2 success_job  $3 complete_job  $4 failure_job
update {prefix}bundle set success_job = $2, complete_job = $3, failure_job = $4, due = 0 where id = $1
