-- Say that settings or pauses change; whoever changes them holds this until the commit, one at a time.
--
update {prefix}meta set value = value + 1 where name = 'settings'
