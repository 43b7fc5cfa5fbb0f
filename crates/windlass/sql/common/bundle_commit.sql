-- Close the opening of a batch.
-- $1 id  $2 now_us  $3 state
update {prefix}bundle set committed_at = $2, state = $3, due = 1 where id = $1 and committed_at is null
