-- Version 8: what handlers keep with their jobs, and what they wrote.

-- part 0: the checkpoint; 1: a step that was begun or done, in the order of places; 2: a signal.
create table {prefix}saved (
  job_id bigint not null,
  due_at bigint, -- of a step that waits: until then
  at bigint not null,
  place integer not null,
  part smallint not null,
  name text collate "C" not null,
  data bytea,
  primary key (job_id, part, name)
) with (fillfactor = 70);

-- Lines written by attempts, numbered within their job.
create table {prefix}log (
  job_id bigint not null,
  at bigint not null,
  seq integer not null,
  attempt integer not null,
  level smallint not null,
  text text not null,
  primary key (job_id, seq)
);

-- As before (version 3), and with a day goes what its handlers kept and wrote.
create or replace function {prefix}drop_day(p_day bigint, p_now bigint, p_completed bigint, p_failed bigint, p_dead_letter bigint, p_cancelled bigint, p_kept_max bigint)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
    delete from {prefix}saved
    where job_id >= v_first and job_id < v_next and job_id not in (select id from drop_day_kept);
    delete from {prefix}log
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
