-- Version 11: limits of concurrency and rate by key, turns between keys.

insert into {prefix}meta (name, value) values ('limits', 0);

-- definition is the JSON of docs/limits.md.
create table {prefix}key_limit (
  namespace_id integer not null,
  name text not null,
  version integer not null,
  definition text not null,
  primary key (namespace_id, name)
) strict, without rowid;

-- concurrency is a number, rate and fair are JSON.
alter table {prefix}queue_setting add column concurrency integer;
alter table {prefix}queue_setting add column rate text;
alter table {prefix}queue_setting add column fair text;

-- A room: jobs that have keys and wait to be let into ready. Line '' holds those that nobody has looked at
-- yet; otherwise it is the line of the limit that holds the job back. place is the order within a line.
create table {prefix}throttled (
  line text not null,
  place integer not null,
  seq integer not null,
  job_id integer not null,
  queue_id integer not null,
  kind_id integer not null,
  priority integer not null,
  epoch integer not null,
  attempt integer not null,
  crashes integer not null,
  snoozes integer not null,
  primary key (line, place, seq)
) strict, without rowid;

create unique index {prefix}throttled_job on {prefix}throttled (job_id);

-- The primary key is the limit: a line with a maximum has no other places than 0 to the maximum less one. Where there is
-- none, n is the job. held: 1 while its job is ready, 2 while it is ready or leased, 3 until it ends.
create table {prefix}slot (
  line text not null,
  n integer not null,
  job_id integer not null,
  held integer not null,
  taken_at integer not null,
  primary key (line, n)
) strict, without rowid;

create index {prefix}slot_job on {prefix}slot (job_id);

-- Rates. full_at is in nanoseconds since 1970: when the bucket will be full again. Until shut_until nobody
-- passes. wake_at is when someone has to look at the line; null while nobody waits in it.
create table {prefix}bucket (
  line text not null primary key,
  full_at integer not null,
  shut_until integer not null,
  wake_at integer
) strict, without rowid;

create index {prefix}bucket_wake on {prefix}bucket (wake_at) where wake_at is not null;
