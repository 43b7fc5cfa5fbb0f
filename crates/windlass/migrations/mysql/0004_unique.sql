-- Version 4: unique keys. uniqueness of a job is JSON: what it asked for, and the digest of its key.

-- Not every server knows `add column if not exists`.
set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}job' and column_name = 'uniqueness') = 0,
  'alter table {prefix}job add column uniqueness text', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;

create table if not exists {prefix}unique_claim (
  digest char(32) character set ascii collate ascii_bin not null primary key,
  job_id bigint not null,
  expires_at bigint, -- null: until its job gives it back
  key {prefix}unique_claim_expiry (expires_at)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
