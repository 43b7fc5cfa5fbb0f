-- Is any workflow or batch open?
--                                             returns: 1 if so
-- index: bundle_open
select 1 from {prefix}bundle where ended_at is null limit 1
