-- Drop the tables of a day whose jobs are kept no longer.
-- $1 day since 2025  $2 now_us  $3 to $6 retention in ms of completed, failed, dead letter, cancelled  $7 jobs moved at most
-- returns: jobs that went, or -1 when it is not the time
-- lock order: the lock on ended jobs, then the tables, each at most 200 ms
-- differs: only here are jobs kept by day.
select * from {prefix}drop_day($1, $2, $3, $4, $5, $6, $7)
