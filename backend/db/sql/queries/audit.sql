-- The audit.

-- name: audit_head
select audit, hash from audit order by audit desc limit 1

-- name: add_audit
insert into audit (audit, at, actor, action, what, previous, hash)
values (%(audit)s, %(at)s, %(actor)s, %(action)s, %(what)s, %(previous)s, %(hash)s)

-- name: audit_chain
select audit, at, actor, action, what, previous, hash from audit order by audit

-- name: audit_page
select audit, at, actor, action, what, encode(hash, 'hex') as hash
from audit
where (%(after)s::bigint is null or audit > %(after)s)
  and (%(actor)s::text is null or actor = %(actor)s)
  and at >= coalesce(%(from_time)s, '-infinity'::timestamptz)
  and at < coalesce(%(to_time)s, 'infinity'::timestamptz)
order by audit
limit %(limit)s
