-- Blobs are encrypted, each under a key of its own, and those keys under the key of the current epoch, which is in no database.

-- The current epoch is the last one. The backup's columns are filled if there is a backup that is read with this epoch's key.
CREATE TABLE epoch (
    number      INTEGER NOT NULL PRIMARY KEY,
    fingerprint TEXT    NOT NULL CHECK (length(fingerprint) = 64),
    destroyed   INTEGER NOT NULL DEFAULT 0 CHECK (destroyed IN (0, 1)),
    made_ms     INTEGER,
    datasets    INTEGER,
    models      INTEGER,
    records     INTEGER,
    requests    INTEGER,
    trail       INTEGER
) STRICT;

CREATE TABLE blob_key (
    digest  TEXT NOT NULL PRIMARY KEY CHECK (length(digest) = 64),
    file    TEXT NOT NULL UNIQUE      CHECK (length(file) = 32),
    wrapped BLOB NOT NULL             CHECK (length(wrapped) = 72)
) STRICT;

-- One row while the store was restored from a backup and what was forgotten since is not forgotten again.
CREATE TABLE restoring (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    made_ms  INTEGER NOT NULL
) STRICT;
