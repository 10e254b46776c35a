CREATE INDEX delivery_waits ON delivery (not_before) WHERE state IN ('pending', 'waiting') AND reason IS NOT NULL;
