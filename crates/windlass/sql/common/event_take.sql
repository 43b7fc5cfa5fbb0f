-- What was written down and has no place in the final order yet. Whoever asks holds the lock (event_lock).
-- $1 limit         returns: id, at, code, namespace_id, job_id, queue_id, kind_id, data
-- index: primary key of event_new; a transition is written down after the one before it was committed, so ids of one
-- job ascend
select id, at, code, namespace_id, job_id, queue_id, kind_id, data
from {prefix}event_new
order by id
limit $1
