-- Every limit.
--                                             returns: namespace_id, name, version, definition
select namespace_id, name, version, definition from {prefix}key_limit
