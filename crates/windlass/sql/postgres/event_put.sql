-- Give events their places.
-- $1 id  $2 at  $3 code  $4 namespace_id  $5 job_id  $6 queue_id  $7 kind_id  $8 data
-- differs: one array per column, so that a batch of any size is one statement.
insert into {prefix}event (id, at, code, namespace_id, job_id, queue_id, kind_id, data)
select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[])
