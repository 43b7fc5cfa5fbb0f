-- Taken by whoever revives or deletes jobs that have ended: waits while a day of them is dropped.
--                                             returns: one row
-- differs: only here are jobs dropped by day.
select 1::bigint from pg_advisory_xact_lock_shared(hashtextextended('{prefix}ended', 0))
