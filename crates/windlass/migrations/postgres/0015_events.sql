-- Version 15: events, and counts and times by the minute.

-- Until when transitions are written down as events, in microseconds since 1970; the last event's id; and when the
-- counts were last looked at.
insert into {prefix}meta (name, value) values ('watched_until', 0) on conflict (name) do nothing;
insert into {prefix}meta (name, value) values ('last_event', 0) on conflict (name) do nothing;
insert into {prefix}meta (name, value) values ('sampled_at', 0) on conflict (name) do nothing;

-- What happened, as transactions wrote it down: they commit in any order, so nobody reads from here on by id. code is
-- that of job/event_name.rs, 0 where nothing was written down for a while before; data is JSON.
create table {prefix}event_new (
  id bigint generated always as identity primary key,
  at bigint not null,
  job_id bigint,
  namespace_id integer,
  queue_id integer,
  kind_id integer,
  code smallint not null,
  data text
);

-- The same in their final order: ids are given under a lock, so none appears below one that was read.
create table {prefix}event (
  id bigint primary key,
  at bigint not null,
  job_id bigint,
  namespace_id integer,
  queue_id integer,
  kind_id integer,
  code smallint not null,
  data text
);

-- When it was noticed that a worker no longer renews its leases.
alter table {prefix}worker add column lost_at bigint;

-- Changes of the totals of store/effects.rs in one minute, counted from 1970; and the totals after the last of them.
create table {prefix}minute (
  minute bigint not null,
  n bigint not null,
  queue_id integer not null,
  measure smallint not null,
  primary key (minute, queue_id, measure)
);

create table {prefix}minute_total (
  n bigint not null,
  queue_id integer not null,
  measure smallint not null,
  primary key (queue_id, measure)
);

-- How long jobs waited and attempts ran, as one process saw it in one minute: counts by bucket of core/spread.rs.
create table {prefix}minute_spread (
  minute bigint not null,
  source bigint not null,
  queue_id integer not null,
  waits text not null,
  runs text not null,
  primary key (minute, queue_id, source)
);
