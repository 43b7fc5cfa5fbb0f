-- The metadata of jobs that have any: their keys are in it (one row per job, batched by the driver).
-- $1 id     returns: id, namespace_id, metadata
-- index: primary key of job
select j.id, q.namespace_id, j.metadata
from {prefix}job j
join {prefix}queue q on q.id = j.queue_id
where j.id = $1 and j.metadata is not null
