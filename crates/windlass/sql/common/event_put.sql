-- Give an event its place.
-- $1 id  $2 at  $3 code  $4 namespace_id  $5 job_id  $6 queue_id  $7 kind_id  $8 data
insert into {prefix}event (id, at, code, namespace_id, job_id, queue_id, kind_id, data)
values ($1, $2, $3, $4, $5, $6, $7, $8)
