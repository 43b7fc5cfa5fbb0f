-- Version 6: jobs that wait for others. A row of dependency goes when its parent has ended; depends_on
-- of a job is JSON and stays.

insert into {prefix}meta (name, value) values ('dependencies', 0) on conflict (name) do nothing;

alter table {prefix}job add column depends_on text;

do $$
begin
  if not exists (select 1 from pg_inherits where inhrelid = to_regclass('{prefix}job_kept')) then
    alter table {prefix}job_kept add column if not exists depends_on text;
  end if;
end $$;

create table {prefix}blocked (
  job_id bigint primary key,
  run_at bigint,
  pending integer not null check (pending > 0),
  queue_id integer not null,
  kind_id integer not null,
  priority smallint not null
);

create table {prefix}dependency (
  parent_id bigint not null,
  child_id bigint not null,
  any_end smallint not null,
  ignores_failure smallint not null,
  primary key (parent_id, child_id)
);

create index dependency_child on {prefix}dependency (child_id);
