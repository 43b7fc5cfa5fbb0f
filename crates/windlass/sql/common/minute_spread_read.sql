-- How long things took in the queues of a namespace, by minute.
-- $1 first minute  $2 namespace_id            returns: minute, queue, waits, runs
-- index: primary key of minute_spread
select m.minute, q.name, m.waits, m.runs
from {prefix}minute_spread m
join {prefix}queue q on q.id = m.queue_id
where m.minute >= $1 and q.namespace_id = $2
order by m.minute
