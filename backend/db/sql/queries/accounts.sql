-- Accounts, their roles and keys.

-- name: find_key
-- By the unique prefix. What the key may do is what its account may, within its scopes.
select
    k.api_key, k.kind, k.hash, k.scopes, k.account, a.name as account_name, k.prefix,
    k.expires_at, coalesce(k.expires_at <= now(), false) as expired,
    k.revoked_at is not null or a.disabled_at is not null as revoked,
    coalesce(k.last_used_at < now() - interval '1 minute', true) as untouched,
    (
        select coalesce(jsonb_agg(jsonb_build_object('study', study, 'role', role)), '[]')
        from membership
        where membership.account = k.account
    ) as roles
from api_key k
join account a using (account)
where k.prefix = %(prefix)s

-- name: find_person
-- By account_identity_once.
select
    account, name as account_name, disabled_at is not null as revoked,
    (
        select coalesce(jsonb_agg(jsonb_build_object('study', study, 'role', role)), '[]')
        from membership
        where membership.account = account.account
    ) as roles
from account
where (issuer, subject) = (%(issuer)s, %(subject)s)

-- name: add_person
-- One who was never seen before: no role, until an administrator gives one.
insert into account (name, email, issuer, subject)
values (%(name)s, %(email)s, %(issuer)s, %(subject)s)
on conflict (issuer, subject) do nothing

-- name: touch_key
-- Once a minute is enough to know whether a key is in use.
update api_key
set last_used_at = now()
where api_key = %(api_key)s
  and (last_used_at is null or last_used_at < now() - interval '1 minute')

-- name: spend_ticket
-- Only the first to come finds it.
delete from api_key where api_key = %(api_key)s and kind = 'ticket' returning account

-- name: add_key
insert into api_key (account, kind, name, prefix, hash, scopes, expires_at)
values (
    %(account)s, %(kind)s, %(name)s, %(prefix)s, %(hash)s, %(scopes)s,
    now() + %(lasts)s::interval
)
returning api_key

-- name: revoke_key
update api_key
set revoked_at = now()
where (%(api_key)s::bigint is null or api_key = %(api_key)s)
  and (%(prefix)s::text is null or prefix = %(prefix)s)
  and (%(account)s::bigint is null or account = %(account)s)
  and revoked_at is null
returning api_key

-- name: drop_spent_keys
-- Sessions and tickets that ended a week ago; keys stay, for the audit names them.
delete from api_key
where kind in ('session', 'ticket') and (expires_at < now() - interval '7 days' or revoked_at is not null)

-- name: any_admin
-- The oldest account that may do everything.
select account
from account
join membership using (account)
where study is null and role = 'admin' and disabled_at is null
order by account
limit 1

-- name: add_account
insert into account (name, email, issuer, subject)
values (%(name)s, %(email)s, %(issuer)s, %(subject)s)
returning account

-- name: set_role
insert into membership (account, study, role)
values (%(account)s, %(study)s, %(role)s)
on conflict on constraint membership_once do update set role = excluded.role

-- name: keys
select
    k.api_key, k.account, a.name as account_name, k.kind, k.name, k.prefix, k.scopes,
    k.added_at, k.expires_at, k.last_used_at, k.revoked_at
from api_key k
join account a using (account)
where (%(account)s::bigint is null or k.account = %(account)s)
  and (%(api_key)s::bigint is null or k.api_key = %(api_key)s)
  and k.kind = 'key'
  and (%(after)s::bigint is null or k.api_key > %(after)s)
order by k.api_key
limit %(limit)s

-- name: roles
-- All roles of a page of accounts.
select account, study, role
from membership
where (%(studies)s::bigint[] is null or study = any(%(studies)s))
  and (%(study)s::bigint is null or study = %(study)s)
  and account in (
      select distinct account
      from membership
      where (%(studies)s::bigint[] is null or study = any(%(studies)s))
        and (%(study)s::bigint is null or study = %(study)s)
        and (%(after)s::bigint is null or account > %(after)s)
      order by account
      limit %(limit)s
  )
order by account, study nulls first

-- name: policy
-- The defaults with what is set everywhere in their place; then what studies have of their own.
select study, role, sensitivity,
    case when cells = 0 then 0 else 1.0 / cells end::float8 as cell_deg,
    (extract(epoch from delay) / 3600)::float8 as delay_h
from (
    select null::bigint as study, d.role, d.sensitivity,
        case when l.role is null then d.cells_per_degree else l.cells_per_degree end as cells,
        coalesce(l.delay, d.delay) as delay
    from default_policy() d
    left join location_policy l
        on l.study is null and l.role = d.role and l.sensitivity = d.sensitivity
    union all
    select study, role, sensitivity, cells_per_degree, delay
    from location_policy
    where study is not null
) rule
where %(after_study)s::bigint is null
   or (coalesce(study, 0), role, sensitivity)
    > (%(after_study)s, %(after_role)s::text, %(after_sensitivity)s::text)
order by coalesce(study, 0), role, sensitivity
limit %(limit)s

-- name: set_rule
insert into location_policy (study, role, sensitivity, cells_per_degree, delay)
values (%(study)s, %(role)s, %(sensitivity)s, %(cells)s, %(delay)s)
on conflict on constraint location_policy_once
do update set (cells_per_degree, delay) = (excluded.cells_per_degree, excluded.delay)

-- name: taxa
-- A page by the primary key.
select taxon, sensitivity, reason
from taxon_sensitivity
where %(after)s::text is null or taxon > %(after)s
order by taxon
limit %(limit)s

-- name: set_taxon
insert into taxon_sensitivity (taxon, sensitivity, reason)
values (%(taxon)s, %(sensitivity)s, %(reason)s)
on conflict (taxon) do update set (sensitivity, reason) = (excluded.sensitivity, excluded.reason)
