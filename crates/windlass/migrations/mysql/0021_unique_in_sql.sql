-- Version 21: the procedure reads the time where no clock is set back, whatever the zone of the session.

drop procedure if exists {prefix}enqueue;

-- As before (version 20), but for the time.
create procedure {prefix}enqueue(in p_queue varchar(128), in p_kind varchar(128), in p_payload longtext, in p_options longtext, out p_id bigint)
begin
  declare v_now bigint default timestampdiff(microsecond, '1970-01-01', utc_timestamp(6));
  declare v_id bigint default ((v_now div 1000 - 1735689600000) << 22) | (uuid_short() & 4095);
  declare v_options longtext default coalesce(p_options, '{}');
  declare v_namespace, v_key, v_correlation, v_unique, v_concurrency text;
  declare v_namespace_id, v_queue_id, v_kind_id, v_other_kind int;
  declare v_priority, v_delay_ms, v_attempts, v_timeout_ms, v_run_at, v_other bigint;
  declare v_other_payload longblob;
  declare v_backoff, v_digest, v_others text;
  declare v_ttl_ms, v_start_by bigint;
  if p_kind is null or p_kind not regexp '^[A-Za-z0-9._:-]{1,128}$' then
    signal sqlstate '45000' set message_text = 'type: is not a name (1 to 128 of A-Z a-z 0-9 . _ : -)';
  end if;
  if p_queue is null or p_queue not regexp '^[A-Za-z0-9._:-]{1,128}$' then
    signal sqlstate '45000' set message_text = 'queue: is not a name (1 to 128 of A-Z a-z 0-9 . _ : -)';
  end if;
  if p_payload is null or not json_valid(p_payload) or length(p_payload) > 1048576 then
    signal sqlstate '45000' set message_text = 'payload: is missing, not JSON, or longer than 1048576 bytes';
  end if;
  if not json_valid(v_options) or json_type(v_options) <> 'OBJECT' then
    signal sqlstate '45000' set message_text = 'options: is not a JSON object';
  end if;
  set v_namespace = coalesce(json_unquote(json_extract(v_options, '$.namespace')), 'default');
  set v_key = json_unquote(json_extract(v_options, '$.idempotency_key'));
  set v_correlation = json_unquote(json_extract(v_options, '$.correlation_id'));
  set v_unique = json_unquote(json_extract(v_options, '$.unique_key'));
  set v_concurrency = json_unquote(json_extract(v_options, '$.concurrency_key'));
  set v_priority = coalesce(json_extract(v_options, '$.priority'), 2);
  set v_delay_ms = coalesce(json_extract(v_options, '$.delay_ms'), 0);
  set v_attempts = json_extract(v_options, '$.max_attempts');
  set v_timeout_ms = coalesce(json_extract(v_options, '$.timeout_ms'), 1800000);
  if v_priority not between 0 and 9 then
    signal sqlstate '45000' set message_text = 'priority: 0 to 9 allowed';
  end if;
  if v_delay_ms not between 0 and 31622400000 then
    signal sqlstate '45000' set message_text = 'delay_ms: 0 to 31622400000 allowed';
  end if;
  if v_attempts not between 1 and 2147483647 then
    signal sqlstate '45000' set message_text = 'max_attempts: 1 to 2147483647 allowed';
  end if;
  if v_timeout_ms not between 1 and 604800000 then
    signal sqlstate '45000' set message_text = 'timeout_ms: 1 to 604800000 allowed';
  end if;
  if length(v_key) not between 1 and 256 or length(v_correlation) not between 1 and 256 or length(v_unique) not between 1 and 256 then
    signal sqlstate '45000' set message_text = 'idempotency_key, correlation_id, unique_key: 1 to 256 bytes each';
  end if;
  if v_concurrency not regexp '^[!-~]{1,128}$' then
    signal sqlstate '45000' set message_text = 'concurrency_key: 1 to 128 printable ASCII characters without spaces';
  end if;
  set v_others = json_keys(json_remove(v_options, '$.namespace', '$.priority', '$.delay_ms', '$.max_attempts', '$.timeout_ms', '$.idempotency_key', '$.correlation_id', '$.unique_key', '$.concurrency_key'));
  if json_length(v_others) > 0 then
    set v_others = concat(left(json_unquote(json_extract(v_others, '$[0]')), 60), ': is no option of a job in SQL');
    signal sqlstate '45000' set message_text = v_others;
  end if;
  set v_namespace_id = (select id from {prefix}namespace where name = v_namespace);
  if v_namespace_id is null then
    signal sqlstate '45000' set message_text = 'namespace: not found';
  end if;
  set v_queue_id = (select id from {prefix}queue where namespace_id = v_namespace_id and name = p_queue);
  set v_kind_id = (select id from {prefix}kind where namespace_id = v_namespace_id and name = p_kind);
  if not exists (select 1 from {prefix}queue_kind where queue_id = v_queue_id and kind_id = v_kind_id) then
    -- A new name: one at a time, until this transaction ends, so that nobody misses its id.
    update {prefix}meta set value = value + 1 where name = 'catalog';
    insert ignore into {prefix}queue (namespace_id, name) values (v_namespace_id, p_queue);
    insert ignore into {prefix}kind (namespace_id, name) values (v_namespace_id, p_kind);
    set v_queue_id = (select id from {prefix}queue where namespace_id = v_namespace_id and name = p_queue for update);
    set v_kind_id = (select id from {prefix}kind where namespace_id = v_namespace_id and name = p_kind for update);
    insert ignore into {prefix}queue_kind (queue_id, kind_id) values (v_queue_id, v_kind_id);
  end if;
  body: begin
    if v_key is not null then
      insert ignore into {prefix}idempotency (namespace_id, `key`, job_id) values (v_namespace_id, v_key, v_id);
      if row_count() = 0 then
        select i.job_id, j.kind_id, j.payload into v_other, v_other_kind, v_other_payload
        from {prefix}idempotency i left join {prefix}job j on j.id = i.job_id
        where i.namespace_id = v_namespace_id and i.`key` = v_key
        lock in share mode;
        if v_other_kind <> v_kind_id or v_other_payload <> cast(p_payload as binary) then
          signal sqlstate '45000' set message_text = 'idempotency_key: belongs to a job of another type or payload';
        end if;
        set p_id = v_other;
        leave body;
      end if;
    end if;
    if v_unique is not null then
      -- What is compared (job/unique.rs makes the same).
      set v_digest = left(sha2(concat(
        unhex(lpad(hex(8), 16, '0')), unhex(lpad(hex(v_namespace_id), 16, '0')),
        unhex(lpad(hex(length(concat('type:', p_kind))), 16, '0')), cast(concat('type:', p_kind) as binary),
        unhex(lpad(hex(length(concat('key:', v_unique))), 16, '0')), cast(concat('key:', v_unique) as binary)), 256), 32);
      insert into {prefix}unique_claim (digest, job_id, expires_at) values (v_digest, v_id, null)
      on duplicate key update job_id = if(expires_at <= v_now, v_id, job_id), expires_at = if(expires_at <= v_now, null, expires_at);
      select c.job_id into v_other from {prefix}unique_claim c where c.digest = v_digest for update;
      if v_other <> v_id and not exists (select 1 from {prefix}job j where j.id = v_other lock in share mode) then
        update {prefix}unique_claim set job_id = v_id, expires_at = null where digest = v_digest;
      elseif v_other <> v_id then
        -- The key that was taken above is for a job that will not be.
        delete from {prefix}idempotency where namespace_id = v_namespace_id and `key` = v_key and job_id = v_id;
        set p_id = v_other;
        leave body;
      end if;
    end if;
    set v_run_at = if(v_delay_ms > 0, v_now + v_delay_ms * 1000, null);
    -- One row, of nulls where the queue has no settings.
    select s.ttl_ms, coalesce(v_attempts, s.max_attempts, 20), s.backoff into v_ttl_ms, v_attempts, v_backoff
    from (select 1 as n) one left join {prefix}queue_setting s on s.queue_id = v_queue_id and s.deleted = 0;
    set v_start_by = coalesce(v_run_at, v_now) + v_ttl_ms * 1000;
    insert into {prefix}job (id, queue_id, kind_id, priority, max_attempts, max_crashes, timeout_ms, created_at, run_at, start_by, backoff, idempotency_key, correlation_id, payload, uniqueness, metadata)
    values (v_id, v_queue_id, v_kind_id, v_priority, v_attempts, 3, v_timeout_ms, v_now, v_run_at, v_start_by, v_backoff, v_key, v_correlation, p_payload,
      if(v_unique is null, null, json_object('digest', v_digest, 'key', v_unique, 'scope', 'type', 'until', 'finished', 'on_conflict', 'keep')),
      if(v_concurrency is null, null, json_object('windlass.concurrency_key', v_concurrency)));
    if v_start_by is not null then
      insert into {prefix}expiry (at, job_id) values (v_start_by, v_id);
    end if;
    if v_delay_ms > 0 then
      insert into {prefix}delayed (run_at, job_id, reason, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
      values (v_now + v_delay_ms * 1000, v_id, 10, v_queue_id, v_kind_id, v_priority, 0, 0, 0, 0);
    elseif v_concurrency is not null then
      -- Where it waits for someone to look at its limits, whatever they are.
      insert into {prefix}throttled (line, place, seq, job_id, queue_id, kind_id, priority, epoch, attempt, crashes, snoozes)
      values ('', v_priority, v_id, v_id, v_queue_id, v_kind_id, v_priority, 0, 0, 0, 0);
    else
      insert into {prefix}ready (queue_id, kind_id, priority, seq, job_id, epoch, attempt, crashes, snoozes)
      values (v_queue_id, v_kind_id, v_priority, v_id, v_id, 0, 0, 0, 0);
    end if;
    -- 100 counts enqueues; 1 and 2 are pending and delayed, 10 above is the reason scheduled.
    insert into {prefix}tally_change (queue_id, kind_id, measure, n)
    values (v_queue_id, v_kind_id, 100, 1), (v_queue_id, v_kind_id, if(v_delay_ms > 0, 2, 1), 1);
    set p_id = v_id;
  end body;
end;
