-- Version 7: schedules, and the history of their ticks.

-- definition is the JSON of docs/schedules.md. turn grows whenever the row changes: who fires or changes a
-- schedule names the turn it has read. next_at is when someone has to look at it next.
create table {prefix}schedule (
  id integer primary key,
  namespace_id integer not null,
  name text not null,
  version integer not null,
  turn integer not null default 1,
  source integer not null,
  by_code integer not null, -- 1: only workers that declare it can fire it
  definition text not null,
  created_at integer not null,
  next_tick integer,
  next_at integer,
  buffered_tick integer,
  last_tick integer,
  paused_at integer,
  paused_until integer,
  pause_reason text,
  paused_by text,
  unique (namespace_id, name)
) strict;

create index {prefix}schedule_due on {prefix}schedule (by_code, next_at);

-- The primary key is "a tick is fired at most once".
create table {prefix}schedule_tick (
  schedule_id integer not null,
  tick integer not null,
  state integer not null, -- 1 fired, 2 skipped, 3 triggered
  at integer not null,
  job_id integer, -- null once the job is deleted
  primary key (schedule_id, tick)
) strict, without rowid;

create index {prefix}schedule_tick_job on {prefix}schedule_tick (job_id) where job_id is not null;
