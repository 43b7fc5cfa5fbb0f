-- Version 3: settings of queues, and pauses. Processes remember both; the number under 'settings' in
-- meta grows with every change, so that a claim sees at a glance whether they are still the same.

insert into {prefix}meta (name, value) values ('settings', 0) on conflict (name) do nothing;

-- Null means the built-in default. A row with deleted = 1 hides a queue until it has jobs again.
create table {prefix}queue_setting (
  queue_id integer primary key,
  version bigint not null,
  deleted smallint not null default 0,
  ttl_ms bigint,
  max_attempts integer,
  backoff text,
  max_depth bigint,
  keep_completed_ms bigint, -- -1 keeps for ever
  keep_failed_ms bigint,
  keep_dead_letter_ms bigint,
  keep_cancelled_ms bigint
);

-- 0 stands for every queue, or for every kind.
create table {prefix}pause (
  namespace_id integer not null,
  queue_id integer not null,
  kind_id integer not null,
  paused_at bigint not null,
  paused_until bigint,
  reason text,
  actor text,
  primary key (namespace_id, queue_id, kind_id)
);

-- Stores a job in the caller's transaction and returns its id; with an idempotency key that an
-- earlier job has, the id of that one. Options: namespace, priority, delay_ms, max_attempts,
-- timeout_ms, idempotency_key, correlation_id; what they leave out is as the queue has it. The first job of a new pair of queue and type holds a
-- lock on new names until the transaction ends.
create or replace function {prefix}enqueue(p_queue text, p_kind text, p_payload jsonb default 'null', p_options jsonb default '{}')
returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_now constant bigint := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
  v_id bigint := {prefix}new_job_id(v_now);
  v_payload constant bytea := convert_to(p_payload::text, 'UTF8');
  v_namespace constant text := coalesce(p_options ->> 'namespace', 'default');
  v_key constant text := p_options ->> 'idempotency_key';
  v_correlation constant text := p_options ->> 'correlation_id';
  v_priority constant bigint := {prefix}option_number(p_options, 'priority', 0, 9, 2);
  v_delay_ms constant bigint := {prefix}option_number(p_options, 'delay_ms', 0, 31622400000, 0);
  v_attempts constant bigint := {prefix}option_number(p_options, 'max_attempts', 1, 2147483647, null);
  v_timeout_ms constant bigint := {prefix}option_number(p_options, 'timeout_ms', 1, 604800000, 1800000);
  v_run_at constant bigint := case when v_delay_ms > 0 then v_now + v_delay_ms * 1000 end;
  v_namespace_id bigint;
  v_queue_id integer;
  v_kind_id integer;
  v_other record;
  v_setting record;
  v_start_by bigint;
  v_option text;
  v_day constant bigint := (v_now / 1000 - 1735689600000) / 86400000;
begin
  if p_kind is null or p_kind !~ '^[A-Za-z0-9._:-]{1,128}$' then
    raise exception 'type: `%` is not a name (1 to 128 of A-Z a-z 0-9 . _ : -)', p_kind using errcode = '22023';
  end if;
  if p_queue is null or p_queue !~ '^[A-Za-z0-9._:-]{1,128}$' then
    raise exception 'queue: `%` is not a name (1 to 128 of A-Z a-z 0-9 . _ : -)', p_queue using errcode = '22023';
  end if;
  if p_payload is null or length(v_payload) > 1048576 then
    raise exception 'payload: is missing or longer than 1048576 bytes' using errcode = '22023';
  end if;
  if octet_length(v_key) not between 1 and 256 or octet_length(v_correlation) not between 1 and 256 then
    raise exception 'idempotency_key, correlation_id: 1 to 256 bytes each' using errcode = '22023';
  end if;
  for v_option in select jsonb_object_keys(p_options) loop
    if v_option <> all (array['namespace', 'priority', 'delay_ms', 'max_attempts', 'timeout_ms', 'idempotency_key', 'correlation_id']) then
      raise exception '%: is no option of a job in SQL', v_option using errcode = '22023';
    end if;
  end loop;
  select id into v_namespace_id from {prefix}namespace where name = v_namespace;
  if not found then
    raise exception 'namespace `%` not found', v_namespace using errcode = '22023';
  end if;
  select q.id, k.id into v_queue_id, v_kind_id
  from {prefix}queue q
  join {prefix}queue_kind p on p.queue_id = q.id
  join {prefix}kind k on k.id = p.kind_id
  where q.namespace_id = v_namespace_id and q.name = p_queue and k.name = p_kind;
  if not found then
    -- A new name: one at a time, until this transaction ends, so that nobody misses its id.
    update {prefix}meta set value = value + 1 where name = 'catalog';
    insert into {prefix}queue (namespace_id, name) values (v_namespace_id, p_queue) on conflict do nothing;
    insert into {prefix}kind (namespace_id, name) values (v_namespace_id, p_kind) on conflict do nothing;
    select id into v_queue_id from {prefix}queue where namespace_id = v_namespace_id and name = p_queue;
    select id into v_kind_id from {prefix}kind where namespace_id = v_namespace_id and name = p_kind;
    insert into {prefix}queue_kind (queue_id, kind_id) values (v_queue_id, v_kind_id) on conflict do nothing;
  end if;
  if v_key is not null then
    insert into {prefix}idempotency (namespace_id, key, job_id) values (v_namespace_id, v_key, v_id)
    on conflict (namespace_id, key) do nothing;
    if not found then
      select i.job_id, j.kind_id, j.payload into v_other
      from {prefix}idempotency i left join {prefix}job j on j.id = i.job_id
      where i.namespace_id = v_namespace_id and i.key = v_key;
      if v_other.kind_id <> v_kind_id or v_other.payload <> v_payload then
        raise exception 'idempotency key `%` belongs to job %, which has another type or payload', v_key, v_other.job_id
          using errcode = '23505';
      end if;
      return v_other.job_id;
    end if;
  end if;
  if to_regclass('{prefix}job_day' || v_day) is null then
    perform {prefix}add_days(v_day, v_day);
  end if;
  -- One row, of nulls where the queue has no settings.
  select s.ttl_ms, s.max_attempts, s.backoff into v_setting
  from (select 1) one left join {prefix}queue_setting s on s.queue_id = v_queue_id and s.deleted = 0;
  v_start_by := coalesce(v_run_at, v_now) + v_setting.ttl_ms * 1000;
  insert into {prefix}job (id, queue_id, kind_id, priority, max_attempts, max_crashes, timeout_ms, created_at, run_at, start_by, backoff, idempotency_key, correlation_id, payload)
  values (v_id, v_queue_id, v_kind_id, v_priority, coalesce(v_attempts, v_setting.max_attempts, 20), 3, v_timeout_ms, v_now, v_run_at, v_start_by, v_setting.backoff, v_key, v_correlation, v_payload);
  if v_start_by is not null then
    insert into {prefix}expiry (at, job_id) values (v_start_by, v_id);
  end if;
  if v_run_at is null then
    insert into {prefix}ready (queue_id, kind_id, priority, seq, job_id, epoch, attempt, crashes, snoozes)
    values (v_queue_id, v_kind_id, v_priority, v_id, v_id, 0, 0, 0, 0);
  else
    insert into {prefix}delayed (run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
    values (v_run_at, v_id, 10, v_queue_id, v_kind_id, v_priority, 0, 0, 0, 0);
  end if;
  -- 100 counts enqueues; 1 and 2 are pending and delayed, 10 above is the reason scheduled.
  insert into {prefix}tally_change (queue_id, kind_id, measure, n)
  values (v_queue_id, v_kind_id, 100, 1), (v_queue_id, v_kind_id, case when v_run_at is null then 1 else 2 end, 1);
  return v_id;
end $$;

-- Drops the tables of a day whose jobs are kept no longer, and moves the few that are still kept (live
-- ones among them) to the kept tables. Returns how many jobs went; -1 when it is not the time: too many are
-- kept, someone revives or deletes ended jobs, or a transaction holds the tables for longer than 200 ms.
-- Retention in milliseconds by state, -1 for ever; queues may say otherwise.
create function {prefix}drop_day(p_day bigint, p_now bigint, p_completed bigint, p_failed bigint, p_dead_letter bigint, p_cancelled bigint, p_kept_max bigint)
returns bigint language plpgsql as $$
declare
  v_first constant bigint := (p_day * 86400000) << 22;
  v_next constant bigint := ((p_day + 1) * 86400000) << 22;
  v_total bigint;
  v_kept bigint;
  v_counted bigint;
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
