-- Version 13: workers in any language: what they say of themselves, and what they are asked.

-- labels is a JSON object. origin: 0 a worker of this library, 1 one that registered over HTTP, 2 a claim without
-- registration, whose row lives as long as its leases. asked: 0 to run, 1 to be quiet, 2 to terminate.
alter table {prefix}worker add column labels text;
alter table {prefix}worker add column version text;
alter table {prefix}worker add column origin integer not null default 0;
alter table {prefix}worker add column asked integer not null default 0;
