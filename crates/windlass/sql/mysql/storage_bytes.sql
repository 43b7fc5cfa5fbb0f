-- Size of the tables and their indexes in bytes, as last estimated by the server.
--                                             returns: bytes
-- differs: each database has its own way to tell; without a name for each, this server would look at
-- every table it has.
select cast(coalesce(sum(bytes), 0) as signed) from (
  select data_length + index_length as bytes from information_schema.tables where table_schema = database() and table_name = '{prefix}job'
  union all select data_length + index_length as bytes from information_schema.tables where table_schema = database() and table_name = '{prefix}outcome'
  union all select data_length + index_length as bytes from information_schema.tables where table_schema = database() and table_name = '{prefix}attempt'
  union all select data_length + index_length as bytes from information_schema.tables where table_schema = database() and table_name = '{prefix}ready'
  union all select data_length + index_length as bytes from information_schema.tables where table_schema = database() and table_name = '{prefix}lease'
  union all select data_length + index_length as bytes from information_schema.tables where table_schema = database() and table_name = '{prefix}delayed'
  union all select data_length + index_length as bytes from information_schema.tables where table_schema = database() and table_name = '{prefix}idempotency'
) t
