-- What an idle node has to know: the database's time, and whether there is something to do.
--               returns: now_us, 1 if a job is ready, when the next delayed job is due, 1 if a lease is to end,
--               1 if the inbox holds something, when the next start_by or deadline has to be looked at,
--               1 if there are changes of counts to be added up, 1 if a job waits for another one, when a
--               schedule has to be looked at, when an operation has to go on, 1 if a workflow or batch is open,
--               1 if a job waits that nobody has looked at, 1 if any waits in line, when a rate lets a job pass,
--               until when events are written down, 1 if some of them have no place in the final order yet
-- index: the head of a primary key or partial index each
-- differs: each database has its own way to tell.
select
  cast(unix_timestamp(sysdate(6)) * 1000000 as signed),
  (select count(*) from (select 1 from {prefix}ready limit 1) r),
  (select run_at from {prefix}delayed order by run_at limit 1),
  (select count(*) from (select 1 from {prefix}lease where cancel_by is not null limit 1) l),
  (select count(*) from (select 1 from {prefix}inbox where refused is null limit 1) i),
  (select at from {prefix}expiry order by at limit 1),
  (select count(*) from (select 1 from {prefix}tally_change limit 1) c),
  (select count(*) from (select 1 from {prefix}dependency limit 1) d),
  (select next_at from {prefix}schedule where by_code = 0 and next_at is not null order by next_at limit 1),
  (select next_at from {prefix}operation where next_at is not null order by next_at limit 1),
  (select count(*) from (select 1 from {prefix}bundle where ended_at is null limit 1) u),
  (select count(*) from (select 1 from {prefix}throttled where line = '' limit 1) t),
  (select count(*) from (select 1 from {prefix}throttled limit 1) t),
  (select wake_at from {prefix}bucket where wake_at is not null order by wake_at limit 1),
  (select value from {prefix}meta where name = 'watched_until'),
  (select count(*) from (select 1 from {prefix}event_new limit 1) e)
