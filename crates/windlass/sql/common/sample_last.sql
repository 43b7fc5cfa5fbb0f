-- When the totals were last looked at; 0 means never.
--                                             returns: instant
select value from {prefix}meta where name = 'sampled_at'
