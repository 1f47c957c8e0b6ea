-- What came in and was not looked at yet, and alerts that later data took back.

create table arrival (
    collar integer primary key,
    earliest timestamptz not null
);
comment on table arrival is 'Collars with new data, and the earliest time of it: what alerts have to be looked at for.';

create table arrival_taken (
    collar integer primary key,
    earliest timestamptz not null
);
comment on table arrival_taken is 'Arrivals being looked at: a loader never waits for an evaluation.';

alter table alert
    add column subject text not null default '',
    add column withdrawn_at timestamptz;
create index alert_of_rule on alert (alert_rule, subject, began_at);
