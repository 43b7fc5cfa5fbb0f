-- Forget node numbers whose lease ran out.
-- $1 now_us
delete from {prefix}node where expires_at < $1
