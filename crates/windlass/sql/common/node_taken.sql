-- Node numbers in use.
--                                             returns: n, holder; ascending
select n, holder from {prefix}node order by n
