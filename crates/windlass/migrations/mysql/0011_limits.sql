-- Version 11: limits of concurrency and rate by key, turns between keys.

insert ignore into {prefix}meta (name, value) values ('limits', 0);

-- definition is the JSON of docs/limits.md.
create table if not exists {prefix}key_limit (
  namespace_id int not null,
  name varchar(128) not null,
  version bigint not null,
  definition mediumtext not null,
  primary key (namespace_id, name)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- concurrency is a number, rate and fair are JSON. Not every server knows `add column if not exists`.
set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}queue_setting' and column_name = 'fair') = 0,
  'alter table {prefix}queue_setting add column concurrency bigint, add column rate text, add column fair mediumtext', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;

-- A room: jobs that have keys and wait to be let into ready. Line '' holds those that nobody has looked at
-- yet; otherwise it is the line of the limit that holds the job back. place is the order within a line.
create table if not exists {prefix}throttled (
  line varchar(192) character set ascii collate ascii_bin not null,
  place smallint not null,
  seq bigint not null,
  job_id bigint not null,
  queue_id int not null,
  kind_id int not null,
  priority smallint not null,
  epoch bigint not null,
  attempt int not null,
  crashes int not null,
  snoozes int not null,
  primary key (line, place, seq),
  unique key {prefix}throttled_job (job_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- The primary key is the limit: a line with a maximum has no other places than 0 to the maximum less one. Where there is
-- none, n is the job. held: 1 while its job is ready, 2 while it is ready or leased, 3 until it ends.
create table if not exists {prefix}slot (
  line varchar(192) character set ascii collate ascii_bin not null,
  n bigint not null,
  job_id bigint not null,
  held smallint not null,
  taken_at bigint not null,
  primary key (line, n),
  key {prefix}slot_job (job_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Rates. full_at is in nanoseconds since 1970: when the bucket will be full again. Until shut_until nobody
-- passes. wake_at is when someone has to look at the line; null while nobody waits in it.
create table if not exists {prefix}bucket (
  line varchar(192) character set ascii collate ascii_bin not null primary key,
  full_at bigint not null,
  shut_until bigint not null,
  wake_at bigint,
  key {prefix}bucket_wake (wake_at)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
