-- Take moments at which a start_by or deadline has to be looked at.
-- $1 now_us  $2 limit                         returns: job_id
-- index: primary key of expiry
-- differs: other nodes take at the same time: rows they hold are skipped, and whoever deletes decides.
delete from {prefix}expiry
where ctid = any (array(
  select ctid from {prefix}expiry where at <= $1 order by at limit $2 for update skip locked
))
returning job_id
