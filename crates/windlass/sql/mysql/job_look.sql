-- Everything known of one job but its payload and its result, which may be large (one row per id,
-- batched by the driver).
-- $1 id     returns: the columns that store/rows.rs reads, in its order
-- index: a primary key or unique index per table; at most one of o, l, d, r, m, b, t has a row
-- differs: one statement for the whole batch.
select j.id, n.id, n.name, q.id, q.name, k.id, k.name, j.priority, j.max_attempts, j.max_crashes, j.timeout_ms, j.created_at, j.run_at, j.start_by, j.deadline, j.backoff, j.idempotency_key, j.correlation_id, j.tags, j.metadata, null, j.uniqueness, j.depends_on, o.state, o.reason, o.epoch, o.attempt, o.crashes, o.snoozes, o.worker, o.started_at, o.finished_at, o.detail, null, l.epoch, l.attempt, l.crashes, l.snoozes, l.worker_id, w.name, w.expires_at, l.claimed_at, l.cancel_by, l.cancel_reason, d.run_at, d.reason, d.epoch, d.attempt, d.crashes, d.snoozes, coalesce(r.seq, m.seq), coalesce(r.epoch, m.epoch), coalesce(r.attempt, m.attempt), coalesce(r.crashes, m.crashes), coalesce(r.snoozes, m.snoozes), b.pending, b.run_at, b.epoch, b.attempt, b.crashes, b.snoozes, t.epoch, t.attempt, t.crashes, t.snoozes, p.percent, p.message, p.at, a.finished_at, a.message, a.class, j.changed_at
from {prefix}job j
join {prefix}queue q on q.id = j.queue_id
join {prefix}namespace n on n.id = q.namespace_id
join {prefix}kind k on k.id = j.kind_id
left join {prefix}outcome o on o.job_id = j.id
left join {prefix}lease l on l.job_id = j.id
left join {prefix}worker w on w.id = l.worker_id
left join {prefix}delayed d on d.job_id = j.id
left join {prefix}ready r on r.queue_id = j.queue_id and r.kind_id = j.kind_id and r.priority = j.priority and r.seq = j.id
left join {prefix}ready m on m.job_id = j.id and m.seq <> m.job_id
left join {prefix}blocked b on b.job_id = j.id
left join {prefix}throttled t on t.job_id = j.id
left join {prefix}progress p on p.job_id = j.id
left join {prefix}attempt a on a.job_id = j.id and a.epoch = (select max(x.epoch) from {prefix}attempt x where x.job_id = j.id)
where {any j.id = $1}
