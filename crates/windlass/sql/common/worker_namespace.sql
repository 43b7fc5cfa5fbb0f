-- The namespace a worker serves, null for all.
-- $1 id                                       returns: namespace_id
-- index: primary key of worker
select namespace_id from {prefix}worker where id = $1
