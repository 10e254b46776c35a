-- The stall that it was told shortly before, and that explains it.
ALTER TABLE incident ADD COLUMN led_to INTEGER REFERENCES incident (id) ON DELETE SET NULL;
-- When the agent of an incident logged before its end was believed: it stopped again.
CREATE TABLE spell (
    incident INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    begins   INTEGER NOT NULL,                     -- its first log
    ends     INTEGER NOT NULL,                     -- its last
    noticed  INTEGER NOT NULL,                     -- when it was noticed that no more came
    PRIMARY KEY (incident, begins)
) STRICT, WITHOUT ROWID;
