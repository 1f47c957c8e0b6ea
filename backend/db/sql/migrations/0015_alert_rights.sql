-- always
-- A rule about places tells whom it tells where animals are, by its fence or its distance.
-- In plpgsql, which looks only when it is called for the functions of the policy: they come later.

create or replace function unwatchable(
    viewer jsonb, of_kind text, of_study bigint, of_animals bigint[]
)
returns boolean
language plpgsql stable
as $$
begin
    return of_kind in ('fence', 'immobility', 'low-speed', 'proximity') and exists (
        select
        from animal a
        left join seen_animal(viewer) s
            on s.animal = a.animal and s.cells_per_degree = 0 and s.until = 'infinity'
        where (of_study is null or a.study = of_study)
          and (of_animals is null or a.animal = any(of_animals))
          and s.animal is null
    );
end
$$;
comment on function unwatchable is 'Whether a rule would tell of animals that a viewer does not see exactly and at once.';

create or replace function halted(rule alert_rule)
returns boolean
language plpgsql stable
as $$
begin
    return unwatchable(
        case when rule.account is null  -- of before rules were signed
            then jsonb_build_array(jsonb_build_object('study', rule.study, 'role', 'ecologist'))
            else coalesce(
                (
                    select jsonb_agg(jsonb_build_object('study', m.study, 'role', m.role))
                    from membership m
                    join account a using (account)
                    where m.account = rule.account and a.disabled_at is null
                ),
                '[]'
            )
        end,
        rule.kind, rule.study, rule.animals
    );
end
$$;
comment on function halted is 'Whether who set a rule may no longer see what it tells.';
