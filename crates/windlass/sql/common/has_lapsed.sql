-- Is there anything for the rescue: a lost lease, or a worker to be forgotten?
-- $1 now_us  $2 expired before, for workers                          returns: 1 if so
-- The lease room holds what is in flight, so the scan is short.
select 1 from {prefix}lease l
left join {prefix}worker w on w.id = l.worker_id
where w.id is null or w.expires_at <= $1 or l.cancel_by <= $1
union all
select 1 from {prefix}worker w where w.expires_at < $2
limit 1
