-- Version 4: unique keys. uniqueness of a job is JSON: what it asked for, and the digest of its key.

alter table {prefix}job add column uniqueness text;

-- The table of what was kept becomes part of the other one with the first day that is added.
do $$
begin
  if not exists (select 1 from pg_inherits where inhrelid = to_regclass('{prefix}job_kept')) then
    alter table {prefix}job_kept add column if not exists uniqueness text;
  end if;
end $$;

create table {prefix}unique_claim (
  job_id bigint not null,
  expires_at bigint, -- null: until its job gives it back
  digest text collate "C" not null primary key
) with (fillfactor = 70);

create index unique_claim_expiry on {prefix}unique_claim (expires_at) where expires_at is not null;
