-- Make queues and kinds known one transaction at a time: whoever remembers the pairs up to an id
-- must not miss a smaller id that commits later.
--
update {prefix}meta set value = value + 1 where name = 'catalog'
