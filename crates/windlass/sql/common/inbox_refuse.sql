-- A row of the inbox cannot become a job: it stays, with the reason.
-- $1 id  $2 reason
update {prefix}inbox set refused = $2 where id = $1 and refused is null
