-- Resolve dependencies one transaction at a time: a job that waits for two is released once.
--
update {prefix}meta set value = value + 1 where name = 'dependencies'
