-- Forget old minutes.
-- $1 minute
-- index: primary key of minute
delete from {prefix}minute where minute < $1
