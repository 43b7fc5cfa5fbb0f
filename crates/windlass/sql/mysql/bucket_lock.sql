-- The bucket of a queue, for claims of that queue one after another.
-- $1 line     returns: full_at
-- lock order: lines ascending
-- differs: here others write at the same time.
select full_at from {prefix}bucket where line = $1 for update
