-- Version 12: API keys, and the audit.

-- namespaces and queues are JSON arrays; an empty one means all. A revoked key stays, so that its id means the same for ever.
create table {prefix}api_key (
  id text not null primary key,
  digest blob not null, -- SHA-256 of the secret
  old_digest blob, -- of the secret before the last rotation, good until old_until
  old_until integer,
  role text not null,
  namespaces text not null,
  queues text not null,
  label text not null,
  created_at integer not null,
  created_by text not null,
  expires_at integer,
  revoked_at integer,
  used_at integer
) strict, without rowid;

-- Lines are added and never changed. namespace is empty for what belongs to the whole server.
create table {prefix}audit (
  id integer not null primary key,
  at integer not null,
  namespace text not null,
  actor text not null,
  role text not null,
  ip text,
  action text not null,
  target text not null,
  request_id text,
  detail text not null
) strict;

create index {prefix}audit_namespace on {prefix}audit (namespace, id);
