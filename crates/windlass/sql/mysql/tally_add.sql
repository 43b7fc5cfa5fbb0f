-- Change a maintained count (batched by the driver).
-- $1 queue_id  $2 kind_id  $3 measure  $4 n
-- differs: transactions append changes that the fold adds up, so that none waits for another's counter.
insert into {prefix}tally_change (queue_id, kind_id, measure, n)
values ($1, $2, $3, $4)
