-- Version 14: answers to requests that may be sent again.

-- holder is who carries the request out, until until_at unless it is marked: then it took effect. status is null
-- until it was answered.
create table {prefix}reply (
  namespace_id integer not null,
  name text not null,
  digest text not null,
  holder integer not null,
  at integer not null,
  until_at integer not null,
  marked integer not null,
  status integer,
  head text,
  body blob,
  primary key (namespace_id, name)
) strict, without rowid;

create index {prefix}reply_at on {prefix}reply (at);
