-- Blocked jobs that do not wait for as many parents as they say.
-- $1 limit                                    returns: job_id
select b.job_id from {prefix}blocked b
where b.pending < 1
  or b.pending <> (select count(*) from {prefix}dependency d where d.child_id = b.job_id)
limit $1
