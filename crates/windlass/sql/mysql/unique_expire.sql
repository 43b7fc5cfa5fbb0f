-- Forget unique keys whose period is over.
-- $1 now_us  $2 limit
-- index: unique_claim_expiry
-- differs: a table cannot be read in a statement that deletes from it.
delete from {prefix}unique_claim where expires_at <= $1 order by expires_at limit $2
