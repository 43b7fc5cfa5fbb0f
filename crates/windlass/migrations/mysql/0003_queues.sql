-- Version 3: settings of queues, and pauses. Processes remember both; the number under 'settings' in
-- meta grows with every change, so that a claim sees at a glance whether they are still the same.

insert ignore into {prefix}meta (name, value) values ('settings', 0);

-- Null means the built-in default. A row with deleted = 1 hides a queue until it has jobs again.
create table if not exists {prefix}queue_setting (
  queue_id int not null primary key,
  version bigint not null,
  deleted smallint not null default 0,
  ttl_ms bigint,
  max_attempts int,
  backoff text,
  max_depth bigint,
  keep_completed_ms bigint, -- -1 keeps for ever
  keep_failed_ms bigint,
  keep_dead_letter_ms bigint,
  keep_cancelled_ms bigint
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- 0 stands for every queue, or for every kind.
create table if not exists {prefix}pause (
  namespace_id int not null,
  queue_id int not null,
  kind_id int not null,
  paused_at bigint not null,
  paused_until bigint,
  reason text,
  actor text,
  primary key (namespace_id, queue_id, kind_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
