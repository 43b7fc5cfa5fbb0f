-- Carry out a request again that somebody left, or whose answer is kept no longer.
-- $1 namespace_id  $2 name  $3 digest  $4 holder  $5 now_us  $6 until_us  $7 holder before
update {prefix}reply
set digest = $3, holder = $4, at = $5, until_at = $6, marked = 0, status = null, head = null, body = null
where namespace_id = $1 and name = $2 and holder = $7
