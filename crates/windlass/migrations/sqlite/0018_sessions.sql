-- Version 18: sessions of people who signed in with a key.

-- digest is the SHA-256 of what the browser keeps, secret_digest that of the key's secret: a session ends with both.
create table {prefix}session (
  digest blob not null primary key,
  key_id text not null,
  secret_digest blob not null,
  created_at integer not null,
  expires_at integer not null
) strict, without rowid;

create index {prefix}session_key on {prefix}session (key_id, created_at);

create index {prefix}session_expires on {prefix}session (expires_at);
