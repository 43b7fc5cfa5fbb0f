-- What jobs are called in their workflow, as it stands in their metadata, and how they ended (one row per job, batched by the driver).
-- $1 id                                       returns: id, metadata, state
-- differs: one array per column, so that a batch of any size is one statement.
select j.id, j.metadata, o.state from {prefix}job j
left join {prefix}outcome o on o.job_id = j.id
where j.id = any ($1::bigint[])
