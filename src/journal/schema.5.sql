-- What is learnt of an open incident without anything being told.
ALTER TABLE incident ADD COLUMN freed INTEGER;      -- since when part_of explains it no more
ALTER TABLE incident ADD COLUMN back_since INTEGER; -- since when its agent logs again, which is not believed yet
