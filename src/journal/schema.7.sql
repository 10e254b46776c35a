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
-- A message that reached nobody is spoken of in the next one that is accepted.
ALTER TABLE message ADD COLUMN lost INTEGER;        -- the delivery whose text says it; 0 = it was said
UPDATE message SET lost = 0 WHERE outcome = 'exhausted';
CREATE INDEX message_lost ON message (id) WHERE outcome = 'exhausted' AND lost IS NOT 0;
CREATE INDEX message_lost_said ON message (lost) WHERE lost > 0;
