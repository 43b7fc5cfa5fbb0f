-- The workflows and batches of a namespace that holds no job any more.
-- $1 namespace_id
-- index: bundle_list
delete from {prefix}bundle where namespace_id = $1
