-- Digests are 64 lower-case hexadecimal digits. JSON is opaque to the store. Times are Unix milliseconds.

CREATE TABLE dataset (
    name       TEXT    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    schema     TEXT    NOT NULL,
    records    INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE part (
    dataset  TEXT    NOT NULL REFERENCES dataset (name) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    digest   TEXT    NOT NULL CHECK (length(digest) = 64),
    records  INTEGER NOT NULL,
    PRIMARY KEY (dataset, position)
) STRICT;

CREATE TABLE model (
    name          TEXT    NOT NULL PRIMARY KEY,
    dataset       TEXT    NOT NULL REFERENCES dataset (name),
    version       INTEGER NOT NULL,
    recipe        TEXT    NOT NULL,
    artefact      TEXT    NOT NULL CHECK (length(artefact) = 64),
    state         TEXT    NOT NULL CHECK (length(state) = 64),
    records       INTEGER NOT NULL,
    guarantee     TEXT    NOT NULL,
    seconds       REAL    NOT NULL,
    total_seconds REAL    NOT NULL,
    created_ms    INTEGER NOT NULL
) STRICT;

CREATE INDEX model_of_dataset ON model (dataset);

-- Numbers are never used twice: AUTOINCREMENT. A request outlives its dataset, hence no reference.
CREATE TABLE request (
    number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    operation  TEXT    NOT NULL CHECK (operation IN ('forget', 'learn')),
    dataset    TEXT    NOT NULL,
    records    INTEGER NOT NULL,
    report     TEXT    NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

-- Every version of a model that was ever published. Digests only: the bytes of old versions are erased.
CREATE TABLE publication (
    model      TEXT    NOT NULL REFERENCES model (name) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    event      TEXT    NOT NULL CHECK (event IN ('train', 'forget', 'learn')),
    request    INTEGER REFERENCES request (number),
    artefact   TEXT    NOT NULL CHECK (length(artefact) = 64),
    state      TEXT    NOT NULL CHECK (length(state) = 64),
    records    INTEGER NOT NULL,
    guarantee  TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (model, version)
) STRICT;
