-- Version 6: jobs that wait for others. A row of dependency goes when its parent has ended; depends_on
-- of a job is JSON and stays.

insert into {prefix}meta (name, value) values ('dependencies', 0);

alter table {prefix}job add column depends_on text;

create table {prefix}blocked (
  job_id integer not null primary key,
  pending integer not null check (pending > 0),
  run_at integer,
  queue_id integer not null,
  kind_id integer not null,
  priority integer not null
) strict;

create table {prefix}dependency (
  parent_id integer not null,
  child_id integer not null,
  any_end integer not null,
  ignores_failure integer not null,
  primary key (parent_id, child_id)
) without rowid, strict;

create index {prefix}dependency_child on {prefix}dependency (child_id);
