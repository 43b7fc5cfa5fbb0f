-- Version 8: what handlers keep with their jobs, and what they wrote.

-- part 0: the checkpoint; 1: a step that was begun or done, in the order of places; 2: a signal.
create table if not exists {prefix}saved (
  job_id bigint not null,
  part smallint not null,
  name varchar(128) character set utf8mb4 collate utf8mb4_bin not null,
  place int not null,
  due_at bigint, -- of a step that waits: until then
  at bigint not null,
  data mediumblob,
  primary key (job_id, part, name)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- Lines written by attempts, numbered within their job.
create table if not exists {prefix}log (
  job_id bigint not null,
  seq int not null,
  attempt int not null,
  level smallint not null,
  at bigint not null,
  text text not null,
  primary key (job_id, seq)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
