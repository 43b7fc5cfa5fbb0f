-- Make a kind known; a known one stays as it is.
-- $1 namespace_id  $2 name
-- differs: no `on conflict` here; the values were checked, so a duplicate is all there is to ignore.
insert ignore into {prefix}kind (namespace_id, name) values ($1, $2)
