-- Ids of jobs in the ready room.
-- {filter}: keyset, conditions on p and j, order, limit      returns: id
-- index: ready_job
-- differs: the room has an index by job here, which the others go without.
select straight_join r.seq from (select job_id as seq, queue_id, kind_id from {prefix}ready) r
join {prefix}queue_kind p on p.queue_id = r.queue_id and p.kind_id = r.kind_id
left join {prefix}job j on j.id = r.seq
where true {filter}
