-- Change what an API key is called and how often it may ask.
-- $1 id  $2 label  $3 rates
update {prefix}api_key set label = $2, rates = $3
where id = $1
