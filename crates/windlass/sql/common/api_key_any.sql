-- Is there any API key, revoked or not?
--                                             returns: 1 if so
select 1 from {prefix}api_key limit 1
