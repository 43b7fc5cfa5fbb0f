-- Version 19: how often an API key may ask; jobs that wait, by why they do.

-- JSON: {"enqueues": {count, per, burst}, "claims": the same}; null where nothing is said.
alter table {prefix}api_key add column rates text;

-- A page of those that are tried again does not walk over those that are scheduled.
create index {prefix}delayed_reason on {prefix}delayed (reason, job_id);
