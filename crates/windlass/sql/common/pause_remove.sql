-- End a pause.
-- $1 namespace_id  $2 queue_id  $3 kind_id
delete from {prefix}pause where namespace_id = $1 and queue_id = $2 and kind_id = $3
