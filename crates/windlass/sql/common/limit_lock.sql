-- Let jobs into ready one transaction at a time: what one counts, no other changes.
--
update {prefix}meta set value = value + 1 where name = 'limits'
