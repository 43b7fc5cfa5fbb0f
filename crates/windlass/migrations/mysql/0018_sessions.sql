-- Version 18: sessions of people who signed in with a key.

-- digest is the SHA-256 of what the browser keeps, secret_digest that of the key's secret: a session ends with both.
create table if not exists {prefix}session (
  digest varbinary(32) not null primary key,
  key_id varchar(12) character set ascii collate ascii_bin not null,
  secret_digest varbinary(32) not null,
  created_at bigint not null,
  expires_at bigint not null,
  key {prefix}session_key (key_id, created_at),
  key {prefix}session_expires (expires_at)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
