-- How much of a log jobs have; no row for none.
-- $1 job_id     returns: job_id, lines, bytes, highest level
-- differs: one statement for the whole batch; sums are decimal numbers here unless they are cast.
select x.job_id, count(*), cast(sum(octet_length(x.text)) as signed), max(x.level)
from ({keys select $1 as job_id}) k straight_join {prefix}log x force index (primary) on x.job_id = k.job_id
group by x.job_id
