-- Some of what a job waits for has ended.
-- $1 job_id  $2 how many
-- index: primary key of blocked, one probe per job
-- differs: one array per column, so that a batch of any size is one statement.
update {prefix}blocked b
set pending = pending
  - (select m.met from unnest($1::bigint[], $2::bigint[]) m (job_id, met) where m.job_id = b.job_id)
where job_id = any ($1::bigint[])
  and pending > (select m.met from unnest($1::bigint[], $2::bigint[]) m (job_id, met) where m.job_id = b.job_id)
