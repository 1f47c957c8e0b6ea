-- Collars, animals, deployments, stations.

-- name: next_free_collar
-- The lowest number not taken, by the primary key.
select coalesce(
    (select 1 where not exists (select from collar where collar = 1)),
    (select min(c.collar) + 1
     from collar c
     where not exists (select from collar next where next.collar = c.collar + 1))
)

-- name: add_collar
insert into collar (collar, name) values (%(collar)s, %(name)s)

-- name: add_animal
-- No row when the name is taken.
insert into animal (name, taxon, sex, study)
values (%(name)s, %(taxon)s, %(sex)s, %(study)s)
on conflict do nothing
returning animal

-- name: add_deployment
insert into deployment (collar, animal, during)
values (%(collar)s, %(animal)s, tstzrange(%(from_time)s, %(to_time)s, '[)'))
returning deployment

-- name: set_station
insert into station (station, lat, lon)
values (%(station)s, %(lat)s, %(lon)s)
on conflict (station) do update set (lat, lon) = (excluded.lat, excluded.lon)
