-- Does this job exist, and where?
-- $1 id                                       returns: namespace_id
select q.namespace_id from {prefix}job j join {prefix}queue q on q.id = j.queue_id where j.id = $1
