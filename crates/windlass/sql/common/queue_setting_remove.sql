-- Forget the settings of a queue.
-- $1 queue_id
delete from {prefix}queue_setting where queue_id = $1
