-- Version 8: what handlers keep with their jobs, and what they wrote.

-- part 0: the checkpoint; 1: a step that was begun or done, in the order of places; 2: a signal.
create table {prefix}saved (
  job_id integer not null,
  part integer not null,
  name text not null,
  place integer not null,
  due_at integer, -- of a step that waits: until then
  at integer not null,
  data blob,
  primary key (job_id, part, name)
) strict;

-- Lines written by attempts, numbered within their job.
create table {prefix}log (
  job_id integer not null,
  seq integer not null,
  attempt integer not null,
  level integer not null,
  at integer not null,
  text text not null,
  primary key (job_id, seq)
) strict, without rowid;
