-- Keep a new API key.
-- $1 id  $2 digest  $3 role  $4 namespaces  $5 queues  $6 label  $7 created_at  $8 created_by  $9 expires_at  $10 rates
insert into {prefix}api_key (id, digest, role, namespaces, queues, label, created_at, created_by, expires_at, rates)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
