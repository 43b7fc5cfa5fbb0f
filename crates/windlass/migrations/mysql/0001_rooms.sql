-- Version 1: catalogue, cold tables, rooms, control tables.
-- Instants are microseconds since 1970 UTC; states, reasons and measures are the small integers of
-- core/state.rs and store/effects.rs. Names compare byte by byte. Every statement may run again: a
-- change of tables commits by itself here, so a migration that was cut off is repeated.

-- Catalogue: small, cached by every process.
create table if not exists {prefix}namespace (
  id int not null auto_increment primary key,
  name varchar(128) not null unique
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

insert ignore into {prefix}namespace (id, name) values (1, 'default');

create table if not exists {prefix}queue (
  id int not null auto_increment primary key,
  namespace_id int not null,
  name varchar(128) not null,
  unique (namespace_id, name)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

create table if not exists {prefix}kind (
  id int not null auto_increment primary key,
  namespace_id int not null,
  name varchar(128) not null,
  unique (namespace_id, name)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Every pair of queue and kind that ever held a job: what a claim looks through.
create table if not exists {prefix}queue_kind (
  id int not null auto_increment primary key,
  queue_id int not null,
  kind_id int not null,
  unique (queue_id, kind_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Taken before a queue or a kind is made known (catalog_lock.sql).
insert ignore into {prefix}meta (name, value) values ('catalog', 0);

-- Who may make ids with which node number, until when.
create table if not exists {prefix}node (
  n int not null primary key,
  holder bigint not null,
  expires_at bigint not null
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- One row per worker process: the heartbeat.
create table if not exists {prefix}worker (
  id bigint not null primary key,
  nonce bigint not null,
  namespace_id bigint,
  name varchar(255) not null,
  queues mediumtext not null,
  kinds mediumtext not null,
  slots bigint not null,
  lease_ms bigint not null,
  started_at bigint not null,
  expires_at bigint not null
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Cold: written once. The id is time-ordered, so inserts append and retention deletes a prefix.
create table if not exists {prefix}job (
  id bigint not null primary key,
  queue_id int not null,
  kind_id int not null,
  priority smallint not null,
  max_attempts int not null,
  max_crashes int not null,
  timeout_ms bigint not null,
  created_at bigint not null,
  run_at bigint,
  start_by bigint,
  deadline bigint,
  backoff text,
  idempotency_key text,
  correlation_id text,
  tags mediumtext,
  metadata mediumtext,
  payload longblob not null,
  index {prefix}job_queue (queue_id, id),
  index {prefix}job_kind (kind_id, id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- The terminal fact. The primary key is "a job ends at most once".
create table if not exists {prefix}outcome (
  job_id bigint not null primary key,
  state smallint not null,
  reason smallint,
  epoch int not null,
  attempt int not null,
  crashes int not null,
  snoozes int not null,
  worker_id bigint,
  worker varchar(255),
  started_at bigint,
  finished_at bigint not null,
  detail mediumtext,
  result longblob,
  index {prefix}outcome_state (state, job_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- One row per attempt that did not complete.
create table if not exists {prefix}attempt (
  job_id bigint not null,
  epoch int not null,
  attempt int not null,
  worker varchar(255),
  started_at bigint,
  finished_at bigint not null,
  class varchar(64) not null,
  message mediumtext,
  backtrace mediumtext,
  primary key (job_id, epoch)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Rooms: every live job is in exactly one. ready's primary key is the claim order. Rows are only
-- ever locked through the primary key (the other index serves reads): one order, and no deadlocks.
create table if not exists {prefix}ready (
  queue_id int not null,
  kind_id int not null,
  priority smallint not null,
  seq bigint not null,
  job_id bigint not null,
  epoch int not null,
  attempt int not null,
  crashes int not null,
  snoozes int not null,
  primary key (queue_id, kind_id, priority, seq),
  index {prefix}ready_job (job_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- The primary key is "at most one live lease per job".
create table if not exists {prefix}lease (
  job_id bigint not null primary key,
  worker_id bigint not null,
  queue_id int not null,
  kind_id int not null,
  priority smallint not null,
  epoch int not null,
  attempt int not null,
  crashes int not null,
  snoozes int not null,
  claimed_at bigint not null,
  cancel_by bigint,
  cancel_reason mediumtext
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

create table if not exists {prefix}delayed (
  run_at bigint not null,
  job_id bigint not null,
  reason smallint not null,
  queue_id int not null,
  kind_id int not null,
  priority smallint not null,
  epoch int not null,
  attempt int not null,
  crashes int not null,
  snoozes int not null,
  primary key (run_at, job_id),
  index {prefix}delayed_job (job_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Control.
create table if not exists {prefix}idempotency (
  namespace_id int not null,
  `key` varchar(512) not null,
  job_id bigint not null,
  primary key (namespace_id, `key`)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Jobs with start_by or deadline, by the earlier of the two.
create table if not exists {prefix}expiry (
  at bigint not null,
  job_id bigint not null,
  primary key (at, job_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

create table if not exists {prefix}progress (
  job_id bigint not null primary key,
  percent bigint not null, -- thousandths of a percent
  message text,
  at bigint not null
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Maintained counts: never count(*) over jobs. Transactions only append changes, so that none waits
-- for another's counter; the fold adds them up.
create table if not exists {prefix}tally (
  queue_id int not null,
  kind_id int not null,
  measure smallint not null,
  n bigint not null,
  primary key (queue_id, kind_id, measure)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

create table if not exists {prefix}tally_change (
  id bigint not null auto_increment primary key,
  queue_id int not null,
  kind_id int not null,
  measure smallint not null,
  n bigint not null
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
