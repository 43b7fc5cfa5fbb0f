-- Version 21: a unique key is one job's also where two transactions store it at the same time.

-- As before (version 20), but for how the holder of a key is looked for.
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
  v_unique constant text := p_options ->> 'unique_key';
  v_concurrency constant text := p_options ->> 'concurrency_key';
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
  v_digest text;
  v_holder bigint;
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
  if octet_length(v_key) not between 1 and 256 or octet_length(v_correlation) not between 1 and 256 or octet_length(v_unique) not between 1 and 256 then
    raise exception 'idempotency_key, correlation_id, unique_key: 1 to 256 bytes each' using errcode = '22023';
  end if;
  if v_concurrency !~ '^[!-~]{1,128}$' then
    raise exception 'concurrency_key: 1 to 128 printable ASCII characters without spaces' using errcode = '22023';
  end if;
  for v_option in select jsonb_object_keys(p_options) loop
    if v_option <> all (array['namespace', 'priority', 'delay_ms', 'max_attempts', 'timeout_ms', 'idempotency_key', 'correlation_id', 'unique_key', 'concurrency_key']) then
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
  if v_unique is not null then
    v_digest := {prefix}unique_digest(v_namespace_id, p_kind, v_unique);
    loop
      insert into {prefix}unique_claim as held (digest, job_id, expires_at) values (v_digest, v_id, null)
      on conflict (digest) do update set job_id = excluded.job_id, expires_at = null
      where held.expires_at <= v_now;
      exit when found;
      -- Statements of their own: the one above may have waited for whoever stored the job that they look for.
      select c.job_id into v_holder from {prefix}unique_claim c where c.digest = v_digest;
      -- Not found: given back between the two statements.
      continue when not found;
      if exists (select 1 from {prefix}job j where j.id = v_holder) then
        -- The key that was taken above is for a job that will not be.
        delete from {prefix}idempotency where namespace_id = v_namespace_id and key = v_key and job_id = v_id;
        return v_holder;
      end if;
      update {prefix}unique_claim set job_id = v_id, expires_at = null where digest = v_digest and job_id = v_holder;
      exit when found;
    end loop;
  end if;
  if to_regclass('{prefix}job_day' || v_day) is null then
    perform {prefix}add_days(v_day, v_day);
  end if;
  -- One row, of nulls where the queue has no settings.
  select s.ttl_ms, s.max_attempts, s.backoff into v_setting
  from (select 1) one left join {prefix}queue_setting s on s.queue_id = v_queue_id and s.deleted = 0;
  v_start_by := coalesce(v_run_at, v_now) + v_setting.ttl_ms * 1000;
  insert into {prefix}job (id, queue_id, kind_id, priority, max_attempts, max_crashes, timeout_ms, created_at, run_at, start_by, backoff, idempotency_key, correlation_id, payload, uniqueness, metadata)
  values (v_id, v_queue_id, v_kind_id, v_priority, coalesce(v_attempts, v_setting.max_attempts, 20), 3, v_timeout_ms, v_now, v_run_at, v_start_by, v_setting.backoff, v_key, v_correlation, v_payload,
    case when v_unique is not null then
      jsonb_build_object('digest', v_digest, 'key', v_unique, 'scope', 'type', 'until', 'finished', 'on_conflict', 'keep')::text
    end,
    case when v_concurrency is not null then jsonb_build_object('windlass.concurrency_key', v_concurrency)::text end);
  if v_start_by is not null then
    insert into {prefix}expiry (at, job_id) values (v_start_by, v_id);
  end if;
  if v_run_at is null and v_concurrency is not null then
    -- Where it waits for someone to look at its limits, whatever they are.
    insert into {prefix}throttled (line, place, seq, job_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
    values ('', v_priority, v_id, v_id, v_queue_id, v_kind_id, v_priority, 0, 0, 0, 0);
  elsif v_run_at is null then
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
