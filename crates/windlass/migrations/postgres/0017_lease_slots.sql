-- Version 17: a job with a concurrency key holds its slot by its lease.

alter table {prefix}lease add column line text collate "C", add column slot bigint;

-- What is held while a job runs moves into its lease; the rest is held while the job is ready.
update {prefix}lease l set line = s.line, slot = s.n from {prefix}slot s where s.job_id = l.job_id and s.held = 2;

delete from {prefix}slot where held = 2 and job_id in (select job_id from {prefix}lease);

update {prefix}slot set held = 1 where held = 2;

-- This is the limit: numbers of a line with a maximum are 0 to the maximum less one.
create unique index lease_slot on {prefix}lease (line, slot) where line is not null;
