-- The first ready job of one queue and kind (one row per pair, batched by the driver).
-- $1 queue_id  $2 kind_id                     returns: queue_id, kind_id
-- index: primary key of ready, one probe
select queue_id, kind_id from {prefix}ready
where queue_id = $1 and kind_id = $2
limit 1
