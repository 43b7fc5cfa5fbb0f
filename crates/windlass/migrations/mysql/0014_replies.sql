-- Version 14: answers to requests that may be sent again.

-- holder is who carries the request out, until until_at unless it is marked: then it took effect. status is null
-- until it was answered.
create table if not exists {prefix}reply (
  namespace_id int not null,
  name varchar(256) not null,
  digest varchar(64) character set ascii collate ascii_bin not null,
  holder bigint not null,
  at bigint not null,
  until_at bigint not null,
  marked smallint not null,
  status smallint,
  head text,
  body mediumblob,
  primary key (namespace_id, name),
  key {prefix}reply_at (at)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
