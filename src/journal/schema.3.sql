-- Who said that something is not to be told for a while.
CREATE TABLE silence (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    matchers TEXT NOT NULL,                        -- JSON, as they were written
    author   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    created  INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT;

-- Who takes care of an incident, so that nobody is reminded of it.
CREATE TABLE ack (
    incident INTEGER PRIMARY KEY REFERENCES incident (id),
    author   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    severity TEXT NOT NULL,                        -- as it was then: it holds for nothing worse
    created  INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT;

ALTER TABLE message ADD COLUMN held_by TEXT;       -- why it waits for send_at, unless only to be merged
ALTER TABLE message ADD COLUMN silence INTEGER REFERENCES silence (id);
CREATE INDEX message_silence ON message (silence) WHERE silence IS NOT NULL;
CREATE INDEX message_held ON message (send_at) WHERE held_by IS NOT NULL AND outcome IS NULL;
