-- A workflow or batch goes when it has no job.
-- $1 id
delete from {prefix}bundle
where id = $1 and not exists (select 1 from {prefix}member m where m.bundle_id = $1)
