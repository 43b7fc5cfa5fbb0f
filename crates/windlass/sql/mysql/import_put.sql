-- Keep how far an import has come, in the transaction that stored its jobs.
-- $1 name  $2 job_id
-- differs: no `on conflict` here.
insert into {prefix}meta (name, value) values ($1, $2)
on duplicate key update value = values(value)
