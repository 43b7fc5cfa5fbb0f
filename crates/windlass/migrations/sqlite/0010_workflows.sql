-- Version 10: workflows and batches.

-- A bundle is a workflow or a batch. state is 3 (running) until it has ended; the counts are written then.
-- due: someone has to look whether it has ended, and to store the callbacks whose time has come.
create table {prefix}bundle (
  id integer primary key,
  namespace_id integer not null,
  sort integer not null, -- 1 workflow, 2 batch
  name text not null,
  idempotency_key text,
  digest text,
  created_at integer not null,
  committed_at integer,
  ended_at integer,
  state integer not null,
  completed integer not null default 0,
  failed integer not null default 0,
  dead_letter integer not null default 0,
  cancelled integer not null default 0,
  callbacks text, -- JSON of docs/batches.md
  success_job integer,
  complete_job integer,
  failure_job integer,
  due integer not null default 0,
  unique (namespace_id, sort, idempotency_key)
) strict;

create index {prefix}bundle_list on {prefix}bundle (namespace_id, sort, id);
create index {prefix}bundle_open on {prefix}bundle (id) where ended_at is null;
create index {prefix}bundle_due on {prefix}bundle (id) where due = 1;

-- The jobs of a bundle. state is 0 until the end of the job was gathered, then the state it ended in.
create table {prefix}member (
  bundle_id integer not null,
  job_id integer not null,
  state integer not null,
  primary key (bundle_id, job_id)
) strict, without rowid;

create index {prefix}member_state on {prefix}member (state, bundle_id, job_id);
create index {prefix}member_job on {prefix}member (job_id);

-- A job that was retried may have to wait for others again.
alter table {prefix}blocked add column epoch integer not null default 0;
alter table {prefix}blocked add column attempt integer not null default 0;
alter table {prefix}blocked add column crashes integer not null default 0;
alter table {prefix}blocked add column snoozes integer not null default 0;
