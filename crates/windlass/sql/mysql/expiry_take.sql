-- Take moments at which a start_by or deadline has to be looked at.
-- $1 now_us  $2 limit                         returns: job_id, at
-- index: primary key of expiry
-- lock order: at, job_id, never waiting
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys, one
-- by one: a condition of many keys may be read as a range, and waits for the rows of others.
select job_id, at from {prefix}expiry force index (primary)
where at <= $1
order by at, job_id
limit $2
for update skip locked
-- then
delete x from ({each select #2 as at, #1 as job_id}) k
straight_join {prefix}expiry x force index (primary) on x.at = k.at and x.job_id = k.job_id
