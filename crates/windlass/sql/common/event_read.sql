-- Events after one, oldest first.
-- $1 id  $2 limit  returns: id, at, code, namespace_id, job_id, queue_id, kind_id, data
-- index: primary key of event
select id, at, code, namespace_id, job_id, queue_id, kind_id, data
from {prefix}event
where id > $1
order by id
limit $2
