-- Let a job wait in a line.
-- $1 line  $2 place  $3 seq  $4 job_id  $5 queue_id  $6 kind_id  $7 priority  $8 epoch  $9 attempt  $10 crashes  $11 snoozes
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}throttled (line, place, seq, job_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
