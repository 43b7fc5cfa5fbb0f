-- From here to the commit nobody else brings events into their final order.
--
update {prefix}meta set value = value where name = 'last_event'
