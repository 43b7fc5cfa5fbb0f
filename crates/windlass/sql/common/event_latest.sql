-- The latest events, newest first.
-- $1 limit         returns: id, at, code, namespace_id, job_id, queue_id, kind_id, data
-- index: primary key of event
select id, at, code, namespace_id, job_id, queue_id, kind_id, data
from {prefix}event
order by id desc
limit $1
