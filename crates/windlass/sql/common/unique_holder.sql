-- Who holds a unique key now.
-- $1 digest  $2 now_us                        returns: job_id
select job_id from {prefix}unique_claim where digest = $1 and (expires_at is null or expires_at > $2)
