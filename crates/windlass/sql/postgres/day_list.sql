-- The days that have tables, except the coming ones.
-- $1 day since 2025                           returns: day
-- differs: only here are jobs kept by day.
select d.day from (
  select substring(c.relname from '^job_day([0-9]+)$')::bigint as day
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  where i.inhparent = '{prefix}job'::regclass
) d
where d.day < $1
order by d.day
