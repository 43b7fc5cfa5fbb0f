-- Slots whose jobs have ended or are gone, for longer than it takes to give them back.
-- $1 limit  $2 ended, or taken, before this     returns: line, job_id
select s.line, s.job_id from {prefix}slot s
left join {prefix}job j on j.id = s.job_id
left join {prefix}outcome o on o.job_id = s.job_id
where (j.id is null and s.taken_at < $2) or o.finished_at < $2
limit $1
