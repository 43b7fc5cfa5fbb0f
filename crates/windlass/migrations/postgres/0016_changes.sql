-- Version 16: when a job was last changed by somebody: edited, retried by hand, replaced by another of its unique key.

alter table {prefix}job add column changed_at bigint;

do $$
begin
  if not exists (select 1 from pg_inherits where inhrelid = to_regclass('{prefix}job_kept')) then
    alter table {prefix}job_kept add column if not exists changed_at bigint;
  end if;
end $$;
