/** The tables of the embedded store; `migrations[n]` brings them from version n to n + 1 and never changes after a release. */
export const migrations: readonly string[] = [
  `CREATE TABLE streams (
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     -- The highest revision that was removed: where nothing is left, numbers go on from here.
     floor INTEGER NOT NULL DEFAULT -1,
     truncate_before INTEGER NOT NULL DEFAULT 0,
     count_max INTEGER NOT NULL DEFAULT 0,
     age_us_max INTEGER NOT NULL DEFAULT 0,
     -- 0 there, 1 deleted, 2 tombstoned.
     state INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE INDEX streams_bounded ON streams (id) WHERE truncate_before > 0 OR count_max > 0 OR age_us_max > 0 OR state > 0;
   CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
   CREATE TABLE events (
     position INTEGER PRIMARY KEY,
     stream INTEGER NOT NULL,
     revision INTEGER NOT NULL,
     type INTEGER NOT NULL,
     category INTEGER NOT NULL,
     at_us INTEGER NOT NULL,
     flags INTEGER NOT NULL,
     crc INTEGER NOT NULL,
     id BLOB NOT NULL,
     data BLOB NOT NULL,
     metadata BLOB NOT NULL
   ) STRICT;
   CREATE UNIQUE INDEX events_stream ON events (stream, revision);
   CREATE INDEX events_type ON events (type);
   CREATE INDEX events_category ON events (category) WHERE category > 0;
   -- The newest position that was ever given: also after the last event was removed.
   CREATE TABLE last_position (only INTEGER PRIMARY KEY CHECK (only = 1), position INTEGER NOT NULL, at_us INTEGER NOT NULL) STRICT;
   INSERT INTO last_position VALUES (1, -1, 0);`,
]

/** States of a stream. */
export const STATE = { there: 0, deleted: 1, tombstoned: 2 } as const
