-- Version 5: a program may use a role that owns nothing and may not make tables (docs/databases.md).
-- The tables of days are made in the name of their owner, by whoever was given the right to this one
-- function; it takes every name from its own schema.

alter function {prefix}add_days(bigint, bigint) security definer set search_path = pg_catalog, pg_temp;
revoke execute on function {prefix}add_days(bigint, bigint) from public;

alter function {prefix}drop_day(bigint, bigint, bigint, bigint, bigint, bigint, bigint) security definer set search_path = pg_catalog, pg_temp;
revoke execute on function {prefix}drop_day(bigint, bigint, bigint, bigint, bigint, bigint, bigint) from public;
