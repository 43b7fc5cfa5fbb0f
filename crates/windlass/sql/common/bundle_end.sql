-- All jobs of a workflow or batch have ended.
-- $1 id  $2 now_us  $3 state  $4 completed  $5 failed  $6 dead_letter  $7 cancelled
update {prefix}bundle set ended_at = $2, state = $3, completed = $4, failed = $5, dead_letter = $6, cancelled = $7
where id = $1
