-- Version 7: schedules, and the history of their ticks.

-- definition is the JSON of docs/schedules.md. turn grows whenever the row changes: who fires or changes a
-- schedule names the turn it has read. next_at is when someone has to look at it next.
create table {prefix}schedule (
  id bigint primary key,
  namespace_id integer not null,
  name text collate "C" not null,
  version bigint not null,
  turn bigint not null default 1,
  source smallint not null,
  by_code smallint not null, -- 1: only workers that declare it can fire it
  definition text not null,
  created_at bigint not null,
  next_tick bigint,
  next_at bigint,
  buffered_tick bigint,
  last_tick bigint,
  paused_at bigint,
  paused_until bigint,
  pause_reason text,
  paused_by text,
  unique (namespace_id, name)
);

create index schedule_due on {prefix}schedule (by_code, next_at);

-- The primary key is "a tick is fired at most once".
create table {prefix}schedule_tick (
  schedule_id bigint not null,
  tick bigint not null,
  state smallint not null, -- 1 fired, 2 skipped, 3 triggered
  at bigint not null,
  job_id bigint, -- null once the job is deleted
  primary key (schedule_id, tick)
);

create index schedule_tick_job on {prefix}schedule_tick (job_id) where job_id is not null;
