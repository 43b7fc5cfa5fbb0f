-- Size of the database in bytes.
--                                             returns: bytes
-- differs: each database has its own way to tell.
select page_count * page_size from pragma_page_count(), pragma_page_size()
