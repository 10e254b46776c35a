-- The journal of log-monitor. Times are milliseconds since 1970, UTC.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is watched. last_seen of a healthy entity is a checkpoint some minutes old.
CREATE TABLE entity (
    watch     TEXT NOT NULL,
    key       TEXT NOT NULL,
    label     TEXT NOT NULL,
    last_seen INTEGER,
    incident  INTEGER REFERENCES incident (id),    -- the open one: the entity is silent
    PRIMARY KEY (watch, key)
) STRICT, WITHOUT ROWID;

-- From the first silent verdict to recovery.
CREATE TABLE incident (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    subject  TEXT NOT NULL,                        -- agent, pipeline, source, channel, journal
    scope    TEXT NOT NULL,                        -- the watch, source or channel
    key      TEXT NOT NULL,                        -- the entity; of a pipeline what its entities share, such
                                                   -- as node=node02; else empty
    label    TEXT NOT NULL,
    severity TEXT NOT NULL,
    cause    TEXT NOT NULL,
    since    INTEGER,                              -- last log before; NULL = never seen
    opened   INTEGER NOT NULL,
    closed   INTEGER,
    part_of  INTEGER REFERENCES incident (id),     -- the one that explains it and with which it is told
    outcome  TEXT                                  -- why it was closed: the event's kind
) STRICT;
CREATE INDEX incident_part ON incident (part_of) WHERE part_of IS NOT NULL;
CREATE INDEX incident_open ON incident (subject, scope, key) WHERE closed IS NULL;

-- Past facts, append only. The order of ids is the order of truth.
CREATE TABLE event (                                -- ids are never used twice: keys hang on them
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER REFERENCES incident (id),
    kind     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    body     TEXT NOT NULL                         -- JSON
) STRICT;
CREATE INDEX event_incident ON event (incident);

-- One message of a route. Its text is rendered from its events when it is sent.
CREATE TABLE message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    route       TEXT NOT NULL,
    kind        TEXT NOT NULL,                     -- firing, reminder, resolved, notice
    topic       TEXT NOT NULL,                     -- the kind of its events
    parent      INTEGER REFERENCES message (id),   -- the firing that it answers
    created     INTEGER NOT NULL,
    send_at     INTEGER NOT NULL,                  -- later than created = held back to be merged
    steps       TEXT NOT NULL,                     -- JSON, as the route was then
    step        INTEGER NOT NULL DEFAULT 0,        -- counted from 0
    fallback_at INTEGER,                           -- when the next step starts unless accepted
    reminders   TEXT,                              -- JSON policy
    reminder_at INTEGER,
    reminded    INTEGER NOT NULL DEFAULT 0,
    ended       INTEGER NOT NULL DEFAULT 0,        -- some incident of this firing is over
    outcome     TEXT                               -- accepted, exhausted, dropped; NULL = under way
) STRICT;
CREATE INDEX message_route ON message (route, topic, send_at);
CREATE INDEX message_unsettled ON message (id) WHERE outcome IS NULL;
CREATE INDEX message_parent ON message (parent) WHERE parent IS NOT NULL;
CREATE INDEX message_fallback ON message (fallback_at) WHERE fallback_at IS NOT NULL;
CREATE INDEX message_reminder ON message (reminder_at) WHERE reminder_at IS NOT NULL;

CREATE TABLE message_event (
    message INTEGER NOT NULL REFERENCES message (id),
    event   INTEGER NOT NULL REFERENCES event (id),
    PRIMARY KEY (message, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_event_event ON message_event (event);

-- One message on one channel.
CREATE TABLE delivery (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    message     INTEGER NOT NULL REFERENCES message (id),
    step        INTEGER NOT NULL,
    channel     TEXT NOT NULL,
    state       TEXT NOT NULL,                     -- pending, sending, waiting, accepted, failed, dropped
    not_before  INTEGER NOT NULL,
    deadline    INTEGER NOT NULL,
    tried       INTEGER,                           -- when the last try began
    attempts    INTEGER NOT NULL DEFAULT 0,
    short       INTEGER NOT NULL DEFAULT 0,        -- send the plain short form
    uncertain   INTEGER NOT NULL DEFAULT 0,        -- a try was cut off: possible duplicate
    reason      TEXT,                              -- why it waits, failed or was dropped
    receipt     TEXT                               -- JSON, once accepted
) STRICT;
CREATE INDEX delivery_due ON delivery (channel, not_before, id) WHERE state IN ('pending', 'waiting');
CREATE INDEX delivery_sending ON delivery (id) WHERE state = 'sending';
CREATE INDEX delivery_message ON delivery (message);

-- One try that has ended. One under way is the `sending` of its delivery.
CREATE TABLE attempt (
    id       INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL REFERENCES delivery (id),
    n        INTEGER NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    outcome  TEXT NOT NULL,                        -- accepted, transient, permanent_message, permanent_channel, interrupted
    reason   TEXT NOT NULL                         -- what the vendor said
) STRICT;
CREATE INDEX attempt_delivery ON attempt (delivery);

-- What is known of a channel beyond the configuration.
CREATE TABLE channel (
    name          TEXT PRIMARY KEY,
    held_until    INTEGER,                         -- a Retry-After
    failing_since INTEGER                          -- every try has failed since
) STRICT, WITHOUT ROWID;
