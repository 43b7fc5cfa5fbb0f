-- Take moments at which a start_by or deadline has to be looked at.
-- $1 now_us  $2 limit                         returns: job_id, at
-- index: primary key of expiry
-- lock order: at, job_id, never waiting
-- differs: no `returning` here: the rows are locked and read, then deleted by their keys.
select job_id, at from {prefix}expiry force index (primary)
where at <= $1
order by at, job_id
limit $2
for update skip locked
-- then
delete from {prefix}expiry where {any at = #2 and job_id = #1}
