-- Version 6: jobs that wait for others. A row of dependency goes when its parent has ended; depends_on
-- of a job is JSON and stays.

insert ignore into {prefix}meta (name, value) values ('dependencies', 0);

set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}job' and column_name = 'depends_on') = 0,
  'alter table {prefix}job add column depends_on text', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;

create table if not exists {prefix}blocked (
  job_id bigint not null primary key,
  run_at bigint,
  pending int not null check (pending > 0),
  queue_id int not null,
  kind_id int not null,
  priority smallint not null
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

create table if not exists {prefix}dependency (
  parent_id bigint not null,
  child_id bigint not null,
  any_end smallint not null,
  ignores_failure smallint not null,
  primary key (parent_id, child_id),
  key {prefix}dependency_child (child_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
