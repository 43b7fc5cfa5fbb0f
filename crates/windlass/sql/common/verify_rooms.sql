-- Jobs that are not in exactly one room.
-- $1 limit                                    returns: id, rooms
select id, rooms from (
  select j.id as id,
    (select count(*) from {prefix}outcome o where o.job_id = j.id)
    + (select count(*) from {prefix}lease l where l.job_id = j.id)
    + (select count(*) from {prefix}delayed d where d.job_id = j.id)
    + (select count(*) from {prefix}blocked b where b.job_id = j.id)
    + (select count(*) from {prefix}throttled t where t.job_id = j.id)
    + coalesce(r.rooms, 0) as rooms
  from {prefix}job j
  left join (select job_id, count(*) as rooms from {prefix}ready group by job_id) r on r.job_id = j.id
) x
where rooms <> 1
limit $1
