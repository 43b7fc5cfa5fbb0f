-- Version 17: a job with a concurrency key holds its slot by its lease.

-- The unique key is the limit: numbers of a line with a maximum are 0 to the maximum less one.
set @statement = if(
  (select count(*) from information_schema.columns
   where table_schema = database() and table_name = '{prefix}lease' and column_name = 'slot') = 0,
  'alter table {prefix}lease add column line varchar(192) character set ascii collate ascii_bin, add column slot bigint, add unique key {prefix}lease_slot (line, slot)', 'do 0');

prepare statement_to_run from @statement;

execute statement_to_run;

deallocate prepare statement_to_run;

-- What is held while a job runs moves into its lease; the rest is held while the job is ready.
update {prefix}lease l join {prefix}slot s on s.job_id = l.job_id and s.held = 2 set l.line = s.line, l.slot = s.n;

delete s from {prefix}slot s join {prefix}lease l on l.job_id = s.job_id where s.held = 2;

update {prefix}slot set held = 1 where held = 2;
