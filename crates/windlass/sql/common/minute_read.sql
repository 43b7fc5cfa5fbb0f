-- What changed in the queues of a namespace, by minute.
-- $1 first minute  $2 namespace_id            returns: minute, queue, measure, n
-- index: primary key of minute
select m.minute, q.name, m.measure, m.n
from {prefix}minute m
join {prefix}queue q on q.id = m.queue_id
where m.minute >= $1 and q.namespace_id = $2
order by m.minute
