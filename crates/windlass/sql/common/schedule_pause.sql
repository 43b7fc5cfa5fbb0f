-- Pause a schedule or end its pause, once its turn is taken.
-- $1 id  $2 version  $3 next_at  $4 paused_at  $5 paused_until  $6 reason  $7 by
update {prefix}schedule
set version = $2, next_at = $3, paused_at = $4, paused_until = $5, pause_reason = $6, paused_by = $7
where id = $1
