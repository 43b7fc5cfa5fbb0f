-- Size of the tables and their indexes in bytes.
--                                             returns: bytes
-- differs: each database has its own way to tell.
select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
from pg_class c
where c.relnamespace = rtrim('{prefix}', '.')::regnamespace and c.relkind = 'r'
