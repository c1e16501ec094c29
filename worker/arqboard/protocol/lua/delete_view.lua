-- delete_view: forget a list that was kept under a name.
--
-- ARGV  1 prefix  2 name
-- Returns 1 forgotten, 0 there is none of that name
-- Announces nothing.
--@include _tail

return redis.call('HDEL', prefix .. 'views', ARGV[2])
