-- A delivery names its channel by kind and address, and no more by its place in the rule's list, which
-- may change before it is delivered. Older servers tell nobody of alerts until they are replaced.

create function channel_key(channel jsonb) returns text
language sql immutable strict parallel safe
return md5(concat_ws(' ', channel ->> 'kind', channel ->> 'url', channel ->> 'to'));

create temporary table named on commit drop as
select d.alert, d.channel,
    coalesce(channel_key(r.deliver -> d.channel::integer), d.channel) as key,
    row_number() over (
        partition by d.alert, channel_key(r.deliver -> d.channel::integer)
        order by d.delivered_at, d.channel
    ) as place
from alert_delivery d
join alert a using (alert)
left join alert_rule r using (alert_rule);

delete from alert_delivery d using named n
where n.alert = d.alert and n.channel = d.channel and n.place > 1 and n.key <> n.channel;

update alert_delivery d set channel = n.key
from named n
where n.alert = d.alert and n.channel = d.channel;
