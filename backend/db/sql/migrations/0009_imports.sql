-- Positions that came as files: tags beyond the numbers of the radio, and what else their rows said.

alter table collar
    drop constraint collar_collar_check,
    add constraint collar_collar_check
        check (collar between 1 and 65535 or collar between 1000000 and 2000000000);
create sequence imported_collar as integer minvalue 1000000 maxvalue 2000000000 start 1000000;

create table imported_event (
    collar integer not null,
    record bigint not null,
    recorded_at timestamptz not null,
    attributes jsonb not null,
    primary key (collar, recorded_at, record)
);
comment on table imported_event is 'Rows of imported files, failed searches too: terms and values as the file had them.';

create table imported_term (
    study bigint not null references study on delete cascade,
    term text not null,
    primary key (study, term)
);
comment on table imported_term is 'The columns that imported files of a study had, empty ones too.';
