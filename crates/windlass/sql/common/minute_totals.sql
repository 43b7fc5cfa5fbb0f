-- The totals as they were last looked at.
--                                             returns: queue_id, measure, n
select queue_id, measure, n from {prefix}minute_total
