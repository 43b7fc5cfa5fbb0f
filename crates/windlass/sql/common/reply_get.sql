-- What is known of a request by its key.
-- $1 namespace_id  $2 name           returns: digest, holder, at, until_at, marked, status, head, body
-- index: primary key
select digest, holder, at, until_at, marked, status, head, body from {prefix}reply
where namespace_id = $1 and name = $2
