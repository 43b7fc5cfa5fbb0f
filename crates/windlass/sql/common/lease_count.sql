-- How many jobs of a queue run.
-- $1 queue_id     returns: n
-- The lease room holds what is in flight: a short scan.
select count(*) from {prefix}lease where queue_id = $1
