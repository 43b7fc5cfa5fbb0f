-- Version 3: settings of queues, and pauses. Processes remember both; the number under 'settings' in
-- meta grows with every change, so that a claim sees at a glance whether they are still the same.

insert into {prefix}meta (name, value) values ('settings', 0) on conflict (name) do nothing;

-- Null means the built-in default. A row with deleted = 1 hides a queue until it has jobs again.
create table {prefix}queue_setting (
  queue_id integer primary key,
  version integer not null,
  deleted integer not null default 0,
  ttl_ms integer,
  max_attempts integer,
  backoff text,
  max_depth integer,
  keep_completed_ms integer, -- -1 keeps for ever
  keep_failed_ms integer,
  keep_dead_letter_ms integer,
  keep_cancelled_ms integer
) strict;

-- 0 stands for every queue, or for every kind.
create table {prefix}pause (
  namespace_id integer not null,
  queue_id integer not null,
  kind_id integer not null,
  paused_at integer not null,
  paused_until integer,
  reason text,
  actor text,
  primary key (namespace_id, queue_id, kind_id)
) strict, without rowid;
