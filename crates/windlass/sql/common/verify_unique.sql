-- Unique keys whose job has ended or does not exist, though only its end gives them back.
-- $1 limit                                    returns: job_id
select u.job_id from {prefix}unique_claim u
where u.expires_at is null
  and (not exists (select 1 from {prefix}job j where j.id = u.job_id)
    or exists (select 1 from {prefix}outcome o where o.job_id = u.job_id))
limit $1
