-- Version 4: unique keys. uniqueness of a job is JSON: what it asked for, and the digest of its key.

alter table {prefix}job add column uniqueness text;

create table {prefix}unique_claim (
  digest text not null primary key,
  job_id integer not null,
  expires_at integer -- null: until its job gives it back
) without rowid, strict;

create index {prefix}unique_claim_expiry on {prefix}unique_claim (expires_at) where expires_at is not null;
