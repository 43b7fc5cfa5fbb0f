-- Workflows and batches without jobs that are not kept any longer.
-- $1 before this id  $2 limit                 returns: id
select b.id from {prefix}bundle b
where b.id < $1 and not exists (select 1 from {prefix}member m where m.bundle_id = b.id)
order by b.id
limit $2
