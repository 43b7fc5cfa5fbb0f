-- Keep how far an import has come, in the transaction that stored its jobs.
-- $1 name  $2 job_id
insert into {prefix}meta (name, value) values ($1, $2)
on conflict (name) do update set value = excluded.value
