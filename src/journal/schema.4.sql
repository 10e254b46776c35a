-- Silences of which nothing is said for a while, such as during maintenance.
CREATE TABLE quiet (
    incident INTEGER PRIMARY KEY REFERENCES incident (id) ON DELETE CASCADE,
    begins   INTEGER NOT NULL,
    ends     INTEGER NOT NULL,
    why      TEXT NOT NULL                         -- a sentence for people, true once it has ended
) STRICT;
