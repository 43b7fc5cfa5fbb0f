-- Say what the last id is.
-- $1 id
update {prefix}meta set value = $1 where name = 'last_event'
