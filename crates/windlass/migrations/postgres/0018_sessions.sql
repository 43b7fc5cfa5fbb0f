-- Version 18: sessions of people who signed in with a key.

-- digest is the SHA-256 of what the browser keeps, secret_digest that of the key's secret: a session ends with both.
create table {prefix}session (
  created_at bigint not null,
  expires_at bigint not null,
  digest bytea not null primary key,
  key_id text collate "C" not null,
  secret_digest bytea not null
);

create index session_key on {prefix}session (key_id, created_at);

create index session_expires on {prefix}session (expires_at);
