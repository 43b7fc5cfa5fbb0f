-- Ask the holder of a lease to stop.
-- $1 job_id  $2 epoch  $3 cancel_by  $4 reason
-- differs: in a room of a few leases the server would look at all of them, and wait for their holders.
update {prefix}lease force index (primary) set cancel_by = $3, cancel_reason = $4
where job_id = $1 and epoch = $2 and cancel_by is null
