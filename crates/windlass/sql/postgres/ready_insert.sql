-- Put a job into the ready room.
-- $1 queue_id  $2 kind_id  $3 priority  $4 seq  $5 job_id  $6 epoch  $7 attempt  $8 crashes  $9 snoozes
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}ready (queue_id, kind_id, priority, seq, job_id, epoch, attempt, crashes, snoozes)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
