-- Jobs by queue, kind and state, recounted from the rooms (states as in core/state.rs).
--                                             returns: queue_id, kind_id, measure, n
-- $1 code of pending  $2 of running  $3 of retrying  $4 of delayed  $5 reason backoff  $6 reason crashed
select queue_id, kind_id, measure, count(*) from (
  select queue_id, kind_id, $1 as measure from {prefix}ready
  union all select queue_id, kind_id, $1 from {prefix}blocked
  union all select queue_id, kind_id, $1 from {prefix}throttled
  union all select queue_id, kind_id, $2 from {prefix}lease
  union all select queue_id, kind_id, case when reason = $5 or reason = $6 then $3 else $4 end from {prefix}delayed
  union all select j.queue_id, j.kind_id, o.state from {prefix}outcome o join {prefix}job j on j.id = o.job_id
) x
group by queue_id, kind_id, measure
