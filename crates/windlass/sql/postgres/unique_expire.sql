-- Forget unique keys whose period is over.
-- $1 now_us  $2 limit
-- index: unique_claim_expiry
-- lock order: expires_at, never waiting
-- differs: other nodes do the same: rows they hold are skipped.
delete from {prefix}unique_claim
where digest = any (array(
  select digest from {prefix}unique_claim where expires_at <= $1 order by expires_at limit $2
  for update skip locked
))
and expires_at <= $1
