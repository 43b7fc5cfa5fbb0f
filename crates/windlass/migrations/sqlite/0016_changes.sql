-- Version 16: when a job was last changed by somebody: edited, retried by hand, replaced by another of its unique key.

alter table {prefix}job add column changed_at integer;
