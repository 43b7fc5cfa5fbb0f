-- Change what a retry by hand changes.
-- $1 id  $2 priority  $3 max_attempts  $4 start_by  $5 deadline  $6 changed_at
update {prefix}job set priority = $2, max_attempts = $3, start_by = $4, deadline = $5, changed_at = $6 where id = $1
