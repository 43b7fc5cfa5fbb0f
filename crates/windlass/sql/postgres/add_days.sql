-- Make the tables of these days, where they are missing.
-- $1 first day since 2025  $2 last day        returns: one row
-- differs: only here are jobs kept by day.
select 1::bigint from {prefix}add_days($1, $2)
