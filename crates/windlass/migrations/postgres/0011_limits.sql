-- Version 11: limits of concurrency and rate by key, turns between keys.

insert into {prefix}meta (name, value) values ('limits', 0) on conflict (name) do nothing;

-- definition is the JSON of docs/limits.md.
create table {prefix}key_limit (
  namespace_id integer not null,
  version bigint not null,
  name text collate "C" not null,
  definition text not null,
  primary key (namespace_id, name)
);

-- concurrency is a number, rate and fair are JSON.
alter table {prefix}queue_setting add column concurrency bigint;
alter table {prefix}queue_setting add column rate text;
alter table {prefix}queue_setting add column fair text;

-- A room: jobs that have keys and wait to be let into ready. Line '' holds those that nobody has looked at
-- yet; otherwise it is the line of the limit that holds the job back. place is the order within a line.
create table {prefix}throttled (
  seq bigint not null,
  job_id bigint not null,
  epoch bigint not null,
  queue_id integer not null,
  kind_id integer not null,
  attempt integer not null,
  crashes integer not null,
  snoozes integer not null,
  place smallint not null,
  priority smallint not null,
  line text collate "C" not null,
  primary key (line, place, seq)
) with (fillfactor = 70);

create unique index throttled_job on {prefix}throttled (job_id);

-- The primary key is the limit: a line with a maximum has no other places than 0 to the maximum less one. Where there is
-- none, n is the job. held: 1 while its job is ready, 2 while it is ready or leased, 3 until it ends.
create table {prefix}slot (
  n bigint not null,
  job_id bigint not null,
  taken_at bigint not null,
  held smallint not null,
  line text collate "C" not null,
  primary key (line, n)
) with (fillfactor = 70);

create index slot_job on {prefix}slot (job_id);

-- Rates. full_at is in nanoseconds since 1970: when the bucket will be full again. Until shut_until nobody
-- passes. wake_at is when someone has to look at the line; null while nobody waits in it.
create table {prefix}bucket (
  full_at bigint not null,
  shut_until bigint not null,
  wake_at bigint,
  line text collate "C" not null primary key
) with (fillfactor = 70);

create index bucket_wake on {prefix}bucket (wake_at) where wake_at is not null;
