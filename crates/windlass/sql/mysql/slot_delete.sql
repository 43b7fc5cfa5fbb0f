-- Give slots back, if they are still these jobs'.
-- $1 line  $2 n  $3 job_id
-- differs: one statement for the whole batch, by whole keys.
delete x from ({keys select $1 as line, $2 as n, $3 as job_id}) k
straight_join {prefix}slot x force index (primary) on x.line = convert(k.line using ascii) and x.n = k.n and x.job_id = k.job_id
