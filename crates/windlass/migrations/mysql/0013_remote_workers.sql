-- Version 13: workers in any language: what they say of themselves, and what they are asked.

-- labels is a JSON object. origin: 0 a worker of this library, 1 one that registered over HTTP, 2 a claim without
-- registration, whose row lives as long as its leases. asked: 0 to run, 1 to be quiet, 2 to terminate.
-- Not every server knows `add column if not exists`.
set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}worker' and column_name = 'asked') = 0,
  'alter table {prefix}worker add column labels mediumtext, add column version varchar(128), add column origin bigint not null default 0, add column asked bigint not null default 0', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;
