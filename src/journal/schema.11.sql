-- When it was noticed that an incident has got worse: that whoever logged late or too little, or those that did so
-- together, do not log at all any more.
ALTER TABLE incident ADD COLUMN worsened INTEGER;
