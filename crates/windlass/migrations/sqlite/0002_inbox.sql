-- Version 2: an inbox for jobs that are stored with plain SQL, in a transaction of the application's.
-- A relay of any node turns them into jobs (docs/sql.md).

insert into {prefix}meta (name, value) values ('catalog', 0) on conflict (name) do nothing;

create table {prefix}inbox (
  id integer primary key autoincrement,
  namespace text not null default 'default',
  queue text not null default 'default',
  kind text not null,
  payload text not null default 'null',
  options text not null default '{}',
  refused text
) strict;

-- What the relay has still to look at.
create index {prefix}inbox_new on {prefix}inbox (id) where refused is null;
