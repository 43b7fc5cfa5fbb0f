-- The metadata of jobs that have any: their keys are in it (one row per job, batched by the driver).
-- $1 id     returns: id, namespace_id, metadata
-- index: primary key of job
-- differs: one array per column, so that a batch of any size is one statement.
select j.id, q.namespace_id, j.metadata
from {prefix}job j
join {prefix}queue q on q.id = j.queue_id
where j.id = any ($1::bigint[]) and j.metadata is not null
