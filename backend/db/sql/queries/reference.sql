-- name: refer_animal
insert into animal as a (name, study, taxon, sex, mass_g, comments, attributes)
values (
    %(animal)s, %(study)s, %(taxon)s, %(sex)s, %(mass_g)s, %(animal_comments)s,
    %(animal_attributes)s
)
on conflict (study, name) do update
set taxon = coalesce(excluded.taxon, a.taxon), sex = coalesce(excluded.sex, a.sex),
    mass_g = coalesce(excluded.mass_g, a.mass_g),
    comments = coalesce(excluded.comments, a.comments),
    attributes = a.attributes || excluded.attributes
where (a.taxon, a.sex, a.mass_g, a.comments, a.attributes) is distinct from (
    coalesce(excluded.taxon, a.taxon), coalesce(excluded.sex, a.sex),
    coalesce(excluded.mass_g, a.mass_g), coalesce(excluded.comments, a.comments),
    a.attributes || excluded.attributes
)

-- name: refer_collar
merge into collar c
using (select %(tag)s::text as tag, %(maker)s::text as maker, %(tag_attributes)s::jsonb as more) r
on c.study = %(study)s and r.tag in (c.serial, c.name)
when matched and (c.maker, c.attributes)
    is distinct from (coalesce(r.maker, c.maker), c.attributes || r.more)
then update set maker = coalesce(r.maker, c.maker), attributes = c.attributes || r.more
when not matched then insert (collar, name, study, serial, maker, attributes)
values (nextval('imported_collar'), r.tag, %(study)s, r.tag, r.maker, r.more)

-- name: refer_deployment
-- The deployment of the pair that the dates mean: the one they touch, or the only one.
update deployment d
set during = said.during,
    end_type = coalesce(%(end_type)s, d.end_type), comments = coalesce(%(comments)s, d.comments),
    attributes = d.attributes || %(attributes)s
from (
    select d.deployment,
        tstzrange(
            coalesce(%(first)s::timestamptz, lower(d.during)),
            coalesce(%(end)s::timestamptz,
                case when %(first)s::timestamptz is null then upper(d.during) end)
        ) as during
    from deployment d
    join collar c on c.collar = d.collar and c.study = %(study)s
        and %(tag)s in (c.serial, c.name)
    join animal a on a.animal = d.animal and a.study = %(study)s and a.name = %(animal)s
    where d.during && tstzrange(%(first)s, %(end)s)
    order by d.during
    limit 1
) said
where d.deployment = said.deployment and (d.during, d.end_type, d.comments, d.attributes)
    is distinct from (
        said.during, coalesce(%(end_type)s, d.end_type), coalesce(%(comments)s, d.comments),
        d.attributes || %(attributes)s
    )

-- name: refer_new_deployment
insert into deployment (collar, animal, during, end_type, comments, attributes)
select c.collar, a.animal, tstzrange(%(first)s, %(end)s), %(end_type)s, %(comments)s,
    %(attributes)s
from collar c
join animal a on a.study = %(study)s and a.name = %(animal)s
where c.study = %(study)s and %(tag)s in (c.serial, c.name)
    and not (%(first)s::timestamptz is null and %(end)s::timestamptz is null)
    and not exists (
        select
        from deployment d
        where d.collar = c.collar and d.animal = a.animal
            and d.during && tstzrange(%(first)s, %(end)s)
    )
