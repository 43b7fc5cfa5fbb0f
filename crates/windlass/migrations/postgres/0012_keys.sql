-- Version 12: API keys, and the audit.

-- namespaces and queues are JSON arrays; an empty one means all. A revoked key stays, so that its id means the same for ever.
create table {prefix}api_key (
  created_at bigint not null,
  old_until bigint,
  expires_at bigint,
  revoked_at bigint,
  used_at bigint,
  id text collate "C" not null primary key,
  digest bytea not null, -- SHA-256 of the secret
  old_digest bytea, -- of the secret before the last rotation, good until old_until
  role text not null,
  namespaces text not null,
  queues text not null,
  label text not null,
  created_by text not null
);

-- Lines are added and never changed. namespace is empty for what belongs to the whole server.
create table {prefix}audit (
  id bigint not null primary key,
  at bigint not null,
  namespace text collate "C" not null,
  actor text not null,
  role text not null,
  ip text,
  action text not null,
  target text not null,
  request_id text,
  detail text not null
);

create index audit_namespace on {prefix}audit (namespace, id);
