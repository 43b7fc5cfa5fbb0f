-- Version 19: how often an API key may ask; jobs that wait, by why they do.

-- JSON: {"enqueues": {count, per, burst}, "claims": the same}; null where nothing is said.
set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}api_key' and column_name = 'rates') = 0,
  'alter table {prefix}api_key add column rates text', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;

-- A page of those that are tried again does not walk over those that are scheduled.
set @statement = if(
  (select count(*) from information_schema.statistics
   where table_schema = database() and table_name = '{prefix}delayed' and index_name = '{prefix}delayed_reason') = 0,
  'alter table {prefix}delayed add index {prefix}delayed_reason (reason, job_id)', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;
