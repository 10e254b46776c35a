-- Who is watched because a source lists them.
CREATE TABLE listed (
    watch TEXT NOT NULL,
    key   TEXT NOT NULL,
    facts TEXT NOT NULL,                           -- JSON: label, groups, labels, node
    PRIMARY KEY (watch, key)
) STRICT, WITHOUT ROWID;
