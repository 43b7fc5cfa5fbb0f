-- Version 7: schedules, and the history of their ticks.

-- definition is the JSON of docs/schedules.md. turn grows whenever the row changes: who fires or changes a
-- schedule names the turn it has read. next_at is when someone has to look at it next.
create table if not exists {prefix}schedule (
  id bigint not null primary key,
  namespace_id int not null,
  name varchar(128) not null,
  version bigint not null,
  turn bigint not null default 1,
  source smallint not null,
  by_code smallint not null, -- 1: only workers that declare it can fire it
  definition longtext not null,
  created_at bigint not null,
  next_tick bigint,
  next_at bigint,
  buffered_tick bigint,
  last_tick bigint,
  paused_at bigint,
  paused_until bigint,
  pause_reason text,
  paused_by text,
  unique (namespace_id, name),
  index {prefix}schedule_due (by_code, next_at)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- The primary key is "a tick is fired at most once".
create table if not exists {prefix}schedule_tick (
  schedule_id bigint not null,
  tick bigint not null,
  state smallint not null, -- 1 fired, 2 skipped, 3 triggered
  at bigint not null,
  job_id bigint, -- null once the job is deleted
  primary key (schedule_id, tick),
  index {prefix}schedule_tick_job (job_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
