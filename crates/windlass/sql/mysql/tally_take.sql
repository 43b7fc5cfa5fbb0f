-- Take changes of maintained counts, to add them up.
-- $1 limit                                    returns: queue_id, kind_id, measure, n, id
-- differs: other nodes take at the same time: rows they hold are skipped, and whoever deletes decides.
select queue_id, kind_id, measure, n, id from {prefix}tally_change
order by id
limit $1
for update skip locked
-- then
delete x from ({each select #5 as id}) k straight_join {prefix}tally_change x force index (primary) on x.id = k.id
