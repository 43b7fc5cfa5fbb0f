-- Version 16: when a job was last changed by somebody: edited, retried by hand, replaced by another of its unique key.

-- Not every server knows `add column if not exists`.
set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}job' and column_name = 'changed_at') = 0,
  'alter table {prefix}job add column changed_at bigint', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;
