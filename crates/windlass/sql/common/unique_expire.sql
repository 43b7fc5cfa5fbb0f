-- Forget unique keys whose period is over.
-- $1 now_us  $2 limit
-- index: unique_claim_expiry
delete from {prefix}unique_claim
where digest in (select digest from {prefix}unique_claim where expires_at <= $1 order by expires_at limit $2)
