-- Forget how long things took in old minutes.
-- $1 minute
-- index: primary key of minute_spread
delete from {prefix}minute_spread where minute < $1
