-- Make a queue known; a known one stays as it is.
-- $1 namespace_id  $2 name
insert into {prefix}queue (namespace_id, name) values ($1, $2) on conflict (namespace_id, name) do nothing
