-- What the replicas of a trial write into, each on its own connection. No part of the library has a hand in it.
PRAGMA journal_mode = WAL;

-- One row for each run that has begun.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  token INTEGER NOT NULL,        -- when the tick was due: milliseconds since the epoch
  attempt INTEGER NOT NULL,
  owner TEXT NOT NULL,           -- the replica's service id
  pid INTEGER NOT NULL,
  begin_steady INTEGER NOT NULL, -- nanoseconds of CLOCK_MONOTONIC
  begin_wall INTEGER NOT NULL,   -- nanoseconds since the epoch
  end_steady INTEGER,            -- none: the replica died in the run, or is still in it
  end_wall INTEGER,
  accepted INTEGER               -- by the guard, as its so manieth write; 0: refused as stale
);

-- The same of the timer whose ticks are caught up.
CREATE TABLE reports (
  token INTEGER NOT NULL,
  is_catch_up INTEGER NOT NULL,
  owner TEXT NOT NULL,
  begin_wall INTEGER NOT NULL
);

-- The resource that a token guards: it takes no write with an older one, and an equal one from its writer only.
CREATE TABLE guard (token INTEGER NOT NULL, owner TEXT NOT NULL, writes INTEGER NOT NULL);
INSERT INTO guard VALUES (0, '', 0);
