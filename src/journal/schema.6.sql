-- Who is told later of what others were told before.
ALTER TABLE message ADD COLUMN escalation TEXT;     -- why its parent is told to further people, if it is that
ALTER TABLE message ADD COLUMN escalations TEXT;    -- JSON: the steps of a firing from the next escalation on
ALTER TABLE message ADD COLUMN escalate_at INTEGER;
CREATE INDEX message_escalation ON message (escalate_at) WHERE escalate_at IS NOT NULL;
