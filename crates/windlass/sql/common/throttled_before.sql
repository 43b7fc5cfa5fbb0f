-- Which job stands before a place in a line.
-- $1 line  $2 place  $3 seq     returns: job_id
-- index: primary key of throttled
select job_id from {prefix}throttled
where line = $1 and (place < $2 or (place = $2 and seq < $3))
order by place desc, seq desc
limit 1
