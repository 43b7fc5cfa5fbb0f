-- What waits in the inbox, oldest first.
-- $1 limit                                    returns: id, namespace, queue, kind, payload, options
-- index: inbox_new where there are partial indexes, otherwise the primary key
select id, namespace, queue, kind, payload, options from {prefix}inbox
where refused is null
order by id
limit $1
