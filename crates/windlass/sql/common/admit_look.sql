-- Is there anything to let in, now or later?
--               returns: 1 if a job waits in a line, 1 if a job holds a slot, when a rate lets the next one pass
-- index: the head of a primary key or partial index each
select
  (select count(*) from (select 1 from {prefix}throttled limit 1) t),
  (select count(*) from (select 1 from {prefix}slot limit 1) s),
  (select wake_at from {prefix}bucket where wake_at is not null order by wake_at limit 1)
