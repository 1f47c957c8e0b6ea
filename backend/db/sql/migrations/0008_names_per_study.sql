-- post
-- Names are unique within a study. The older rule stays until every server knows the newer.
alter table animal drop constraint animal_name_key;
