-- Keep the answer to a request.
-- $1 namespace_id  $2 name  $3 holder  $4 status  $5 head  $6 body
update {prefix}reply set status = $4, head = $5, body = $6
where namespace_id = $1 and name = $2 and holder = $3
