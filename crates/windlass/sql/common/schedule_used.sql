-- Whether a namespace holds a schedule.
-- $1 namespace_id                             returns: 1 if so
-- index: unique (namespace_id, name)
select 1 from {prefix}schedule where namespace_id = $1 limit 1
