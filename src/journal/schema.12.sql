CREATE INDEX delivery_waits ON delivery (not_before) WHERE state IN ('pending', 'waiting') AND reason IS NOT NULL;
-- When it was written that it is over: a round dates what it finds with its beginning.
ALTER TABLE incident ADD COLUMN close_written INTEGER;
