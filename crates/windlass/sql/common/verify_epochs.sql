-- Jobs whose history reaches beyond the epoch they stand at.
-- $1 limit                                    returns: job_id
select a.job_id from {prefix}attempt a
left join {prefix}outcome o on o.job_id = a.job_id
left join {prefix}lease l on l.job_id = a.job_id
left join {prefix}delayed d on d.job_id = a.job_id
left join {prefix}ready r on r.job_id = a.job_id
left join {prefix}blocked b on b.job_id = a.job_id
left join {prefix}throttled t on t.job_id = a.job_id
where a.epoch > coalesce(o.epoch, l.epoch, d.epoch, r.epoch, b.epoch, t.epoch)
limit $1
