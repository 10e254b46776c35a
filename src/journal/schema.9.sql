-- How the agent of an incident logs all the same, and since when not even that.
ALTER TABLE incident ADD COLUMN logging TEXT;       -- too_few, late; NULL = it does not
ALTER TABLE incident ADD COLUMN stopped INTEGER;    -- its last log before it stopped altogether
UPDATE incident SET logging = 'too_few' WHERE cause = 'volume_too_low';
UPDATE incident SET logging = 'late' WHERE subject = 'agent' AND cause = 'late';
