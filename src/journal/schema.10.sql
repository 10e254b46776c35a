-- Where a budget lets the posts of a message go one by one: the key of the one that a try was for.
ALTER TABLE attempt ADD COLUMN post TEXT;
