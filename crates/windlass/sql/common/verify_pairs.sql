-- Ready jobs that no claim looks at, because their pair of queue and kind is unknown.
-- $1 limit                                    returns: job_id
select r.job_id from {prefix}ready r
where not exists (select 1 from {prefix}queue_kind p where p.queue_id = r.queue_id and p.kind_id = r.kind_id)
limit $1
