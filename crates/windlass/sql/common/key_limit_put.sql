-- Keep a limit that is not there.
-- $1 namespace_id  $2 name  $3 version  $4 definition
insert into {prefix}key_limit (namespace_id, name, version, definition)
values ($1, $2, $3, $4)
