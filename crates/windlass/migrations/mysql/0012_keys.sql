-- Version 12: API keys, and the audit.

-- namespaces and queues are JSON arrays; an empty one means all. A revoked key stays, so that its id means the same for ever.
create table if not exists {prefix}api_key (
  id varchar(12) character set ascii collate ascii_bin not null primary key,
  digest varbinary(32) not null, -- SHA-256 of the secret
  old_digest varbinary(32), -- of the secret before the last rotation, good until old_until
  old_until bigint,
  role varchar(16) not null,
  namespaces mediumtext not null,
  queues mediumtext not null,
  label varchar(128) not null,
  created_at bigint not null,
  created_by varchar(64) not null,
  expires_at bigint,
  revoked_at bigint,
  used_at bigint
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Lines are added and never changed. namespace is empty for what belongs to the whole server.
create table if not exists {prefix}audit (
  id bigint not null primary key,
  at bigint not null,
  namespace varchar(128) not null,
  actor varchar(64) not null,
  role varchar(16) not null,
  ip varchar(64),
  action varchar(64) not null,
  target varchar(256) not null,
  request_id varchar(64),
  detail text not null,
  index {prefix}audit_namespace (namespace, id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
