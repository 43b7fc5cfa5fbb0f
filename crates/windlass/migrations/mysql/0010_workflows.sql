-- Version 10: workflows and batches.

-- A bundle is a workflow or a batch. state is 3 (running) until it has ended; the counts are written then.
-- due: someone has to look whether it has ended, and to store the callbacks whose time has come.
create table if not exists {prefix}bundle (
  id bigint not null primary key,
  namespace_id int not null,
  sort smallint not null, -- 1 workflow, 2 batch
  name text not null,
  idempotency_key varchar(256),
  digest varchar(64),
  created_at bigint not null,
  committed_at bigint,
  ended_at bigint,
  state smallint not null,
  completed int not null default 0,
  failed int not null default 0,
  dead_letter int not null default 0,
  cancelled int not null default 0,
  callbacks longtext, -- JSON of docs/batches.md
  success_job bigint,
  complete_job bigint,
  failure_job bigint,
  due smallint not null default 0,
  unique (namespace_id, sort, idempotency_key),
  index {prefix}bundle_list (namespace_id, sort, id),
  index {prefix}bundle_open (ended_at, id),
  index {prefix}bundle_due (due, id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- The jobs of a bundle. state is 0 until the end of the job was gathered, then the state it ended in.
create table if not exists {prefix}member (
  bundle_id bigint not null,
  job_id bigint not null,
  state smallint not null,
  primary key (bundle_id, job_id),
  index {prefix}member_state (state, bundle_id, job_id),
  index {prefix}member_job (job_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- A job that was retried may have to wait for others again.
set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}blocked' and column_name = 'epoch') = 0,
  'alter table {prefix}blocked add column epoch int not null default 0, add column attempt int not null default 0, add column crashes int not null default 0, add column snoozes int not null default 0',
  'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;
