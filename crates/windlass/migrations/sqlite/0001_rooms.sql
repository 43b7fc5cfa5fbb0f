-- Version 1: catalogue, cold tables, rooms, control tables.
-- Instants are microseconds since 1970 UTC; states, reasons and measures are the small integers of
-- core/state.rs and store/effects.rs.

-- Catalogue: small, cached by every process.
create table {prefix}namespace (
  id integer primary key,
  name text not null unique
) strict;

insert into {prefix}namespace (id, name) values (1, 'default');

create table {prefix}queue (
  id integer primary key,
  namespace_id integer not null,
  name text not null,
  unique (namespace_id, name)
) strict;

create table {prefix}kind (
  id integer primary key,
  namespace_id integer not null,
  name text not null,
  unique (namespace_id, name)
) strict;

-- Every pair of queue and kind that ever held a job: what a claim looks through.
create table {prefix}queue_kind (
  id integer primary key,
  queue_id integer not null,
  kind_id integer not null,
  unique (queue_id, kind_id)
) strict;

-- Who may make ids with which node number, until when.
create table {prefix}node (
  n integer primary key,
  holder integer not null,
  expires_at integer not null
) strict;

-- One row per worker process: the heartbeat. autoincrement, so that an id never returns.
create table {prefix}worker (
  id integer primary key autoincrement,
  nonce integer not null,
  namespace_id integer,
  name text not null,
  queues text not null,
  kinds text not null,
  slots integer not null,
  lease_ms integer not null,
  started_at integer not null,
  expires_at integer not null
) strict;

-- Cold: written once. The id is time-ordered, so inserts append.
create table {prefix}job (
  id integer primary key,
  queue_id integer not null,
  kind_id integer not null,
  priority integer not null,
  max_attempts integer not null,
  max_crashes integer not null,
  timeout_ms integer not null,
  created_at integer not null,
  run_at integer,
  start_by integer,
  deadline integer,
  backoff text,
  idempotency_key text,
  correlation_id text,
  tags text,
  metadata text,
  payload blob not null
) strict;

create index {prefix}job_queue on {prefix}job (queue_id, id);
create index {prefix}job_kind on {prefix}job (kind_id, id);

-- The terminal fact. The primary key is "a job ends at most once".
create table {prefix}outcome (
  job_id integer primary key,
  state integer not null,
  reason integer,
  epoch integer not null,
  attempt integer not null,
  crashes integer not null,
  snoozes integer not null,
  worker_id integer,
  worker text,
  started_at integer,
  finished_at integer not null,
  detail text,
  result blob
) strict;

create index {prefix}outcome_state on {prefix}outcome (state, job_id);

-- One row per attempt that did not complete.
create table {prefix}attempt (
  job_id integer not null,
  epoch integer not null,
  attempt integer not null,
  worker text,
  started_at integer,
  finished_at integer not null,
  class text not null,
  message text,
  backtrace text,
  primary key (job_id, epoch)
) strict, without rowid;

-- Rooms: every live job is in exactly one. ready's primary key is the claim order.
create table {prefix}ready (
  queue_id integer not null,
  kind_id integer not null,
  priority integer not null,
  seq integer not null,
  job_id integer not null,
  epoch integer not null,
  attempt integer not null,
  crashes integer not null,
  snoozes integer not null,
  primary key (queue_id, kind_id, priority, seq)
) strict, without rowid;

-- A job enters ready with its id as seq and is then found by the primary key; only the ones that
-- came back under a later seq need this index.
create index {prefix}ready_moved on {prefix}ready (job_id) where seq <> job_id;

-- The primary key is "at most one live lease per job".
create table {prefix}lease (
  job_id integer primary key,
  worker_id integer not null,
  queue_id integer not null,
  kind_id integer not null,
  priority integer not null,
  epoch integer not null,
  attempt integer not null,
  crashes integer not null,
  snoozes integer not null,
  claimed_at integer not null,
  cancel_by integer,
  cancel_reason text
) strict;

create index {prefix}lease_cancel on {prefix}lease (cancel_by) where cancel_by is not null;

create table {prefix}delayed (
  run_at integer not null,
  job_id integer not null,
  reason integer not null,
  queue_id integer not null,
  kind_id integer not null,
  priority integer not null,
  epoch integer not null,
  attempt integer not null,
  crashes integer not null,
  snoozes integer not null,
  primary key (run_at, job_id)
) strict, without rowid;

create unique index {prefix}delayed_job on {prefix}delayed (job_id);

-- Control.
create table {prefix}idempotency (
  namespace_id integer not null,
  key text not null,
  job_id integer not null,
  primary key (namespace_id, key)
) strict, without rowid;

-- Jobs with start_by or deadline, by the earlier of the two.
create table {prefix}expiry (
  at integer not null,
  job_id integer not null,
  primary key (at, job_id)
) strict, without rowid;

create table {prefix}progress (
  job_id integer primary key,
  percent integer not null, -- thousandths of a percent
  message text,
  at integer not null
) strict;

-- Maintained counts: never count(*) over jobs.
create table {prefix}tally (
  queue_id integer not null,
  kind_id integer not null,
  measure integer not null,
  n integer not null,
  primary key (queue_id, kind_id, measure)
) strict, without rowid;
