-- Write down that a request is under way, unless one with its key is known.
-- $1 namespace_id  $2 name  $3 digest  $4 holder  $5 now_us  $6 until_us
-- differs: no `on conflict` here, and `insert ignore` would ignore more than the key.
insert into {prefix}reply (namespace_id, name, digest, holder, at, until_at, marked)
values ($1, $2, $3, $4, $5, $6, 0)
on duplicate key update marked = marked
