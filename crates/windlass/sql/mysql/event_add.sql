-- Write down what happened, as the last thing before the commit.
-- $1 at  $2 code  $3 namespace_id  $4 job_id  $5 queue_id  $6 kind_id  $7 data
-- differs: transactions commit in any order, so the final order is made later (event_take).
insert into {prefix}event_new (at, code, namespace_id, job_id, queue_id, kind_id, data)
values ($1, $2, $3, $4, $5, $6, $7)
