-- The trail: commitments to the records of a dataset, statements on their way to the log, and requests that take their time.

-- Commitments to records, in buckets by their first bits; absent for a dataset that has none yet.
ALTER TABLE dataset ADD COLUMN bucket_bits INTEGER;
ALTER TABLE dataset ADD COLUMN commitment  TEXT;

CREATE TABLE bucket (
    dataset  TEXT    NOT NULL REFERENCES dataset (name) ON DELETE CASCADE,
    prefix   INTEGER NOT NULL,
    digest   TEXT    NOT NULL CHECK (length(digest) = 64),
    root     TEXT    NOT NULL CHECK (length(root) = 64),
    PRIMARY KEY (dataset, prefix)
) STRICT;

-- Signed statements. `entry` is there until the statement is in the log, and `place` from then on.
CREATE TABLE statement (
    number        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind          TEXT    NOT NULL,
    digest        TEXT    NOT NULL UNIQUE CHECK (length(digest) = 64),
    request       INTEGER REFERENCES request (number),
    model         TEXT,
    version       INTEGER,
    after_erasing INTEGER NOT NULL,
    entry         BLOB,
    place         INTEGER,
    CHECK ((entry IS NULL) <> (place IS NULL))
) STRICT;

CREATE INDEX statement_of_request ON statement (request);
CREATE INDEX statement_of_model ON statement (model, version);
-- What waits is asked for with every change, and so is how far the log is known.
CREATE INDEX statement_waiting ON statement (number) WHERE entry IS NOT NULL;
CREATE INDEX statement_place ON statement (place);

-- `id` is random and goes into the log; `key` is what the requester calls the request.
ALTER TABLE request ADD COLUMN id    TEXT;
ALTER TABLE request ADD COLUMN key   TEXT;
ALTER TABLE request ADD COLUMN state TEXT NOT NULL DEFAULT 'closed';
ALTER TABLE request ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';
CREATE UNIQUE INDEX request_id ON request (id);
CREATE UNIQUE INDEX request_key ON request (key);
CREATE INDEX request_state ON request (state, dataset);

-- Which requests a request was carried out with: the erasure that covers it stands with the first of them.
ALTER TABLE request ADD COLUMN carried_with INTEGER REFERENCES request (number);

-- The records of requests that are not carried out yet.
CREATE TABLE scope (
    request INTEGER NOT NULL REFERENCES request (number) ON DELETE CASCADE,
    id      TEXT    NOT NULL,
    PRIMARY KEY (request, id)
) STRICT;

-- What the receipt of a request shows.
CREATE TABLE evidence (
    request INTEGER NOT NULL PRIMARY KEY REFERENCES request (number),
    digest  TEXT    NOT NULL CHECK (length(digest) = 64)
) STRICT;

-- Blobs that a legal hold keeps.
CREATE TABLE hold (
    request INTEGER NOT NULL REFERENCES request (number),
    digest  TEXT    NOT NULL CHECK (length(digest) = 64),
    PRIMARY KEY (request, digest)
) STRICT;

-- Keyed hashes of what was forgotten, so that it does not come back unnoticed.
CREATE TABLE forgotten (
    dataset TEXT    NOT NULL,
    tag     TEXT    NOT NULL CHECK (length(tag) = 64),
    request INTEGER NOT NULL REFERENCES request (number),
    PRIMARY KEY (dataset, tag)
) STRICT;
