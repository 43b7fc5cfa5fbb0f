-- Version 15: events, and counts and times by the minute.

-- Until when transitions are written down as events, in microseconds since 1970; the last event's id; and when the
-- counts were last looked at.
insert ignore into {prefix}meta (name, value) values ('watched_until', 0);

insert ignore into {prefix}meta (name, value) values ('last_event', 0);

insert ignore into {prefix}meta (name, value) values ('sampled_at', 0);

-- What happened, as transactions wrote it down: they commit in any order, so nobody reads from here on by id. code is
-- that of job/event_name.rs, 0 where nothing was written down for a while before; data is JSON.
create table if not exists {prefix}event_new (
  id bigint not null auto_increment primary key,
  at bigint not null,
  code smallint not null,
  namespace_id int,
  job_id bigint,
  queue_id int,
  kind_id int,
  data mediumtext
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- The same in their final order: ids are given under a lock, so none appears below one that was read.
create table if not exists {prefix}event (
  id bigint not null primary key,
  at bigint not null,
  code smallint not null,
  namespace_id int,
  job_id bigint,
  queue_id int,
  kind_id int,
  data mediumtext
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- When it was noticed that a worker no longer renews its leases. Not every server knows `add column if not exists`.
set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}worker' and column_name = 'lost_at') = 0,
  'alter table {prefix}worker add column lost_at bigint', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;

-- Changes of the totals of store/effects.rs in one minute, counted from 1970; and the totals after the last of them.
create table if not exists {prefix}minute (
  minute bigint not null,
  queue_id int not null,
  measure smallint not null,
  n bigint not null,
  primary key (minute, queue_id, measure)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

create table if not exists {prefix}minute_total (
  queue_id int not null,
  measure smallint not null,
  n bigint not null,
  primary key (queue_id, measure)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- How long jobs waited and attempts ran, as one process saw it in one minute: counts by bucket of core/spread.rs.
create table if not exists {prefix}minute_spread (
  minute bigint not null,
  queue_id int not null,
  source bigint not null,
  waits mediumtext not null,
  runs mediumtext not null,
  primary key (minute, queue_id, source)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
