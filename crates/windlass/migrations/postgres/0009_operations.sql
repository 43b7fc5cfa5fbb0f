-- Version 9: operations, what is done to many jobs one after another.

-- definition is the JSON of docs/operations.md. turn grows whenever the row changes: who takes a step or
-- cancels names the turn it has read. next_at is when someone has to go on; none once it has ended.
create table {prefix}operation (
  id bigint primary key,
  namespace_id integer not null,
  turn bigint not null default 1,
  state smallint not null, -- 1 counting, 2 running, 3 completed, 4 cancelled
  definition text not null,
  after_job bigint not null, -- the last job it came to
  matched bigint not null,
  done bigint not null,
  failed bigint not null,
  created_at bigint not null,
  next_at bigint,
  finished_at bigint
);

create index operation_next on {prefix}operation (next_at) where next_at is not null;

-- Why a job was left as it was: of each operation the first thousand.
create table {prefix}operation_failure (
  operation_id bigint not null,
  job_id bigint not null,
  detail text not null,
  primary key (operation_id, job_id)
);
