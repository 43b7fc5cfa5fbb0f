-- Version 14: answers to requests that may be sent again.

-- holder is who carries the request out, until until_at unless it is marked: then it took effect. status is null
-- until it was answered.
create table {prefix}reply (
  holder bigint not null,
  at bigint not null,
  until_at bigint not null,
  namespace_id integer not null,
  marked smallint not null,
  status smallint,
  name text collate "C" not null,
  digest text not null,
  head text,
  body bytea,
  primary key (namespace_id, name)
);

create index reply_at on {prefix}reply (at);
