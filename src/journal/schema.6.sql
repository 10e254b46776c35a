-- Who is told later of what others were told before.
ALTER TABLE message ADD COLUMN escalation TEXT;     -- why its parent is told to further people, if it is that
ALTER TABLE message ADD COLUMN escalations TEXT;    -- JSON: the steps of a firing from the next escalation on
ALTER TABLE message ADD COLUMN escalate_at INTEGER;
CREATE INDEX message_escalation ON message (escalate_at) WHERE escalate_at IS NOT NULL;
-- A channel that refused for good is left alone, and probed.
ALTER TABLE channel ADD COLUMN quarantined INTEGER; -- since when; NULL = it is not, and the rest means nothing
ALTER TABLE channel ADD COLUMN refusal TEXT;        -- what it said
ALTER TABLE channel ADD COLUMN probe_at INTEGER;    -- when the next probe is due
ALTER TABLE channel ADD COLUMN probes INTEGER;      -- how many there were
ALTER TABLE channel ADD COLUMN probe INTEGER;       -- 1 = nothing is wrong, so a message is tried; 0 = it failed
