-- Take changes of maintained counts, to add them up.
-- $1 limit                                    returns: queue_id, kind_id, measure, n
-- differs: other nodes take at the same time: rows they hold are skipped, and whoever deletes decides.
delete from {prefix}tally_change
where ctid = any (array(select ctid from {prefix}tally_change limit $1 for update skip locked))
returning queue_id, kind_id, measure, n
