-- By whose rights a rule tells where animals are: those of who set it, as they are now.

alter table alert_rule add account bigint references account on delete set null;
