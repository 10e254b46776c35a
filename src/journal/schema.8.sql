-- What went over a channel's budget is sent as one: the delivery whose try it is.
ALTER TABLE delivery ADD COLUMN merged_into INTEGER;
ALTER TABLE attempt ADD COLUMN merged_into INTEGER;
CREATE INDEX delivery_tried ON delivery (channel, tried) WHERE tried IS NOT NULL;
CREATE INDEX delivery_merged ON delivery (merged_into) WHERE merged_into IS NOT NULL;

-- Which firings a reminder is of that is of several.
CREATE TABLE digest (
    firing  INTEGER NOT NULL REFERENCES message (id),
    message INTEGER NOT NULL REFERENCES message (id),
    PRIMARY KEY (firing, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX digest_message ON digest (message);
CREATE VIEW reminder_of (firing, message) AS
    SELECT parent, id FROM message WHERE kind = 'reminder' AND parent IS NOT NULL
    UNION ALL SELECT firing, message FROM digest;

ALTER TABLE message ADD COLUMN grouped TEXT NOT NULL DEFAULT '';    -- the group of its route, such as site=MIL
ALTER TABLE message ADD COLUMN merges INTEGER NOT NULL DEFAULT 0;   -- many came: 1 = it is the first that waits to
                                                                    -- be merged, 2 = it goes on like that
