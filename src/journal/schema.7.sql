-- What went over a channel's budget is sent as one: the delivery whose try it is.
ALTER TABLE delivery ADD COLUMN merged_into INTEGER;
ALTER TABLE attempt ADD COLUMN merged_into INTEGER;
CREATE INDEX delivery_tried ON delivery (channel, tried) WHERE tried IS NOT NULL;
CREATE INDEX delivery_merged ON delivery (merged_into) WHERE merged_into IS NOT NULL;
