-- Version 15: events, and counts and times by the minute.

-- Until when transitions are written down as events, in microseconds since 1970; and when the counts were last
-- looked at.
insert into {prefix}meta (name, value) values ('watched_until', 0);
insert into {prefix}meta (name, value) values ('sampled_at', 0);

-- What happened, in the order of commits: there is one writer. code is that of job/event_name.rs, 0 where nothing was
-- written down for a while before; data is JSON. autoincrement, so that an id never returns.
create table {prefix}event (
  id integer primary key autoincrement,
  at integer not null,
  code integer not null,
  namespace_id integer,
  job_id integer,
  queue_id integer,
  kind_id integer,
  data text
) strict;

-- When it was noticed that a worker no longer renews its leases.
alter table {prefix}worker add column lost_at integer;

-- Changes of the totals of store/effects.rs in one minute, counted from 1970; and the totals after the last of them.
create table {prefix}minute (
  minute integer not null,
  queue_id integer not null,
  measure integer not null,
  n integer not null,
  primary key (minute, queue_id, measure)
) strict, without rowid;

create table {prefix}minute_total (
  queue_id integer not null,
  measure integer not null,
  n integer not null,
  primary key (queue_id, measure)
) strict, without rowid;

-- How long jobs waited and attempts ran, as one process saw it in one minute: counts by bucket of core/spread.rs.
create table {prefix}minute_spread (
  minute integer not null,
  queue_id integer not null,
  source integer not null,
  waits text not null,
  runs text not null,
  primary key (minute, queue_id, source)
) strict, without rowid;
