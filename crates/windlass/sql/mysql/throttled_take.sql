-- Take jobs out of their lines, as throttled_head has found them.
-- $1 line  $2 place  $3 seq  $4 job_id
-- differs: one statement for the whole batch, by whole keys.
delete x from ({keys select $1 as line, $2 as place, $3 as seq, $4 as job_id}) k
straight_join {prefix}throttled x force index (primary)
  on x.line = convert(k.line using ascii) and x.place = k.place and x.seq = k.seq and x.job_id = k.job_id
