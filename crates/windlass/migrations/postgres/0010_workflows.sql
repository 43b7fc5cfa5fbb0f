-- Version 10: workflows and batches.

-- A bundle is a workflow or a batch. state is 3 (running) until it has ended; the counts are written then.
-- due: someone has to look whether it has ended, and to store the callbacks whose time has come.
create table {prefix}bundle (
  id bigint primary key,
  namespace_id integer not null,
  sort smallint not null, -- 1 workflow, 2 batch
  state smallint not null,
  due smallint not null default 0,
  completed integer not null default 0,
  failed integer not null default 0,
  dead_letter integer not null default 0,
  cancelled integer not null default 0,
  created_at bigint not null,
  committed_at bigint,
  ended_at bigint,
  success_job bigint,
  complete_job bigint,
  failure_job bigint,
  name text not null,
  idempotency_key text collate "C",
  digest text,
  callbacks text, -- JSON of docs/batches.md
  unique (namespace_id, sort, idempotency_key)
);

create index bundle_list on {prefix}bundle (namespace_id, sort, id);
create index bundle_open on {prefix}bundle (id) where ended_at is null;
create index bundle_due on {prefix}bundle (id) where due = 1;

-- The jobs of a bundle. state is 0 until the end of the job was gathered, then the state it ended in.
create table {prefix}member (
  bundle_id bigint not null,
  job_id bigint not null,
  state smallint not null,
  primary key (bundle_id, job_id)
);

create index member_state on {prefix}member (state, bundle_id, job_id);
create index member_job on {prefix}member (job_id);

-- A job that was retried may have to wait for others again.
alter table {prefix}blocked
  add column epoch integer not null default 0,
  add column attempt integer not null default 0,
  add column crashes integer not null default 0,
  add column snoozes integer not null default 0;

-- As before (version 8). Members stay until their workflow or batch has ended, which goes with its last
-- job; ticks forget jobs that go.
create or replace function {prefix}drop_day(p_day bigint, p_now bigint, p_completed bigint, p_failed bigint, p_dead_letter bigint, p_cancelled bigint, p_kept_max bigint)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_first constant bigint := (p_day * 86400000) << 22;
  v_next constant bigint := ((p_day + 1) * 86400000) << 22;
  v_total bigint;
  v_kept bigint;
  v_counted bigint;
  v_bundles bigint[];
  t text;
begin
  -- Exclusive: until the commit no job that has ended gets another life or is deleted by others.
  if not pg_try_advisory_xact_lock(hashtextextended('{prefix}ended', 0)) then
    return -1;
  end if;
  execute format('create temp table drop_day_kept on commit drop as
    select j.id from {prefix}%I j
    left join {prefix}%I o on o.job_id = j.id
    left join {prefix}queue_setting s on s.queue_id = j.queue_id and s.deleted = 0
    cross join lateral (select case o.state
      when 5 then coalesce(s.keep_completed_ms, $2) when 6 then coalesce(s.keep_failed_ms, $3)
      when 7 then coalesce(s.keep_dead_letter_ms, $4) else coalesce(s.keep_cancelled_ms, $5) end as ms) k
    where o.job_id is null or k.ms < 0 or o.finished_at > $1 - k.ms * 1000
      or exists (
        select 1 from {prefix}member m join {prefix}bundle b on b.id = m.bundle_id
        where m.job_id = j.id and b.committed_at is not null and b.ended_at is null
      )
    limit $6 + 1', 'job_day' || p_day, 'outcome_day' || p_day)
  using p_now, p_completed, p_failed, p_dead_letter, p_cancelled, p_kept_max;
  select count(*) into v_kept from drop_day_kept;
  execute format('select count(*) from {prefix}%I', 'job_day' || p_day) into v_total;
  -- The kept tables grow over whole days only: nothing may lie between them and this one.
  if v_kept > p_kept_max or v_kept * 2 > v_total or (v_kept > 0 and exists (
    select 1 from generate_series((select value from {prefix}meta where name = 'kept_until_day'), p_day - 1) d
    where to_regclass('{prefix}job_day' || d) is not null
  )) then
    drop table drop_day_kept;
    return -1;
  end if;
  begin
    execute format('insert into {prefix}tally_change (queue_id, kind_id, measure, n)
      select c.queue_id, c.kind_id, m.measure, m.n
      from (
        select j.queue_id, j.kind_id, o.state, count(*) as n
        from {prefix}%I j join {prefix}%I o on o.job_id = j.id
        where j.id not in (select id from drop_day_kept)
        group by j.queue_id, j.kind_id, o.state
      ) c
      cross join lateral (values (c.state, -c.n), (110, c.n)) m (measure, n)', 'job_day' || p_day, 'outcome_day' || p_day);
    execute format('delete from {prefix}idempotency i using {prefix}%I j, {prefix}queue q
      where j.idempotency_key is not null and q.id = j.queue_id and j.id not in (select id from drop_day_kept)
        and i.namespace_id = q.namespace_id and i.key = j.idempotency_key and i.job_id = j.id', 'job_day' || p_day);
    delete from {prefix}progress
    where job_id >= v_first and job_id < v_next and job_id not in (select id from drop_day_kept);
    delete from {prefix}saved
    where job_id >= v_first and job_id < v_next and job_id not in (select id from drop_day_kept);
    delete from {prefix}log
    where job_id >= v_first and job_id < v_next and job_id not in (select id from drop_day_kept);
    update {prefix}schedule_tick set job_id = null
    where job_id >= v_first and job_id < v_next and job_id not in (select id from drop_day_kept);
    select array_agg(distinct m.bundle_id) into v_bundles from {prefix}member m
    where m.job_id >= v_first and m.job_id < v_next and m.job_id not in (select id from drop_day_kept);
    delete from {prefix}member
    where job_id >= v_first and job_id < v_next and job_id not in (select id from drop_day_kept);
    delete from {prefix}bundle b
    where b.id = any (v_bundles) and b.ended_at is not null
      and not exists (select 1 from {prefix}member m where m.bundle_id = b.id);
    -- From here on everyone waits, but not for long.
    perform set_config('lock_timeout', '200ms', true);
    lock table {prefix}job, {prefix}outcome, {prefix}attempt in access exclusive mode;
    execute format('select count(*) from {prefix}%I', 'job_day' || p_day) into v_counted;
    if v_counted <> v_total then
      raise lock_not_available using message = 'a transaction has stored a job of that day since';
    end if;
    foreach t in array array['job', 'outcome', 'attempt'] loop
      execute format('alter table {prefix}%I detach partition {prefix}%I', t, t || '_day' || p_day);
      if v_kept > 0 then
        execute format('alter table {prefix}%I detach partition {prefix}%I', t, t || '_kept');
        execute format('insert into {prefix}%I select x.* from {prefix}%I x where x.%I in (select id from drop_day_kept)',
          t || '_kept', t || '_day' || p_day, case t when 'job' then 'id' else 'job_id' end);
        execute format('alter table {prefix}%I attach partition {prefix}%I for values from (minvalue) to (%s)',
          t, t || '_kept', v_next);
      end if;
      execute format('drop table {prefix}%I', t || '_day' || p_day);
    end loop;
    if v_kept > 0 then
      update {prefix}meta set value = p_day + 1 where name = 'kept_until_day';
    end if;
  exception when lock_not_available then
    drop table drop_day_kept;
    return -1;
  end;
  drop table drop_day_kept;
  return v_total - v_kept;
end $$;
