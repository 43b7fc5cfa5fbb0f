-- Make a kind known; a known one stays as it is.
-- $1 namespace_id  $2 name
insert into {prefix}kind (namespace_id, name) values ($1, $2) on conflict (namespace_id, name) do nothing
