-- A job of a workflow or batch that has ended runs again.
-- $1 id  $2 state
update {prefix}bundle set ended_at = null, state = $2 where id = $1 and ended_at is not null
