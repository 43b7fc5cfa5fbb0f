-- Note how far an operation has come.
-- $1 id  $2 state  $3 after_job  $4 matched  $5 done  $6 failed  $7 next_at  $8 finished_at
update {prefix}operation
set state = $2, after_job = $3, matched = $4, done = $5, failed = $6, next_at = $7, finished_at = $8
where id = $1
