-- Does any job wait in a line, or hold a slot before its lease? Claims look no further where none does.
--               returns: n
-- index: the head of a primary key each
select
  (select count(*) from (select 1 from {prefix}throttled limit 1) t)
  + (select count(*) from (select 1 from {prefix}slot limit 1) s)
