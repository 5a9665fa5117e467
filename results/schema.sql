-- SPDX-License-Identifier: MIT
--
-- The results database of tritbench: tables, units and rules are described in docs/results.md.
-- store.c runs this in one transaction and then sets application_id and user_version, so that a
-- database is either whole or absent. Times of day are UTC, ISO 8601. NULL means "does not apply",
-- or "absent" with a `reason` that says why; it is never written as zero.

-- One machine: the key is a hash of what identifies it (not of its kernel or its settings).
CREATE TABLE machine (
    id   INTEGER PRIMARY KEY,
    key  TEXT NOT NULL UNIQUE CHECK (length(key) = 16),
    cpu  TEXT
) STRICT;

-- How the program was built.
CREATE TABLE build (
    id          INTEGER PRIMARY KEY,
    version     TEXT NOT NULL,
    commit_hash TEXT,                               -- NULL: not built from a git checkout
    dirty       INTEGER CHECK (dirty IN (0, 1)),    -- 1: tracked files differed from the commit
    compiler    TEXT NOT NULL,
    flags       TEXT NOT NULL,
    sanitizers  TEXT NOT NULL                       -- "none", or what makes its times worthless
) STRICT;

-- One invocation of a command.
CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    machine    INTEGER NOT NULL REFERENCES machine (id),
    build      INTEGER NOT NULL REFERENCES build (id),
    command    TEXT NOT NULL,
    arguments  TEXT NOT NULL,
    seed       TEXT NOT NULL,                       -- decimal: 64 bits without a sign
    started_at TEXT NOT NULL,
    ended_at   TEXT,
    status     TEXT NOT NULL CHECK (status IN ('running', 'done', 'interrupted', 'failed'))
) STRICT;
CREATE INDEX run_machine ON run (machine);

-- The conditions of a run: kernel, governor, caches, ...: of the run, because settings change.
CREATE TABLE fact (
    run    INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    name   TEXT NOT NULL,
    value  TEXT CHECK (value <> ''),
    reason TEXT CHECK (reason <> ''),               -- why it is absent
    PRIMARY KEY (run, name),
    CHECK ((value IS NULL) <> (reason IS NULL))
) STRICT, WITHOUT ROWID;

-- One thing that is measured in a run.
CREATE TABLE cell (
    id              INTEGER PRIMARY KEY,
    run             INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    kind            TEXT NOT NULL,                  -- "kernel", "model", "roof", ...
    item            TEXT,                           -- "roof": the metric; "paper": how much
    model           TEXT,
    format          TEXT,
    isa             TEXT,
    phase           TEXT,                           -- "prefill", "decode", "gemv", "gemm", "read"
    rows            INTEGER,
    cols            INTEGER,
    n_prompt        INTEGER,                        -- tokens
    n_gen           INTEGER,                        -- tokens
    n_depth         INTEGER,                        -- tokens already in the KV cache
    batch           INTEGER,
    parallel        INTEGER,                        -- sequences
    threads         INTEGER,
    layers_resident INTEGER,                        -- distinct layers in memory
    layers          INTEGER,                        -- of the model
    tokens          INTEGER,                        -- of one sample
    work_bytes      INTEGER,                        -- one sample reads at least these
    work_ops        INTEGER,                        -- of one sample; a multiply-add is two
    predicted_bytes INTEGER,
    predicted_ns    INTEGER,
    cache           TEXT,                           -- "cold", "warm"
    kv              TEXT,                           -- the KV cache is "f16" or "i8"
    head            TEXT,                           -- the LM head is "f16" or "i8"
    provenance      TEXT NOT NULL CHECK (provenance IN
        ('measured', 'counted', 'hw-estimate', 'metered', 'virtual', 'derived', 'cycled',
         'modelled', 'paper', 'fixture')),
    partner         INTEGER REFERENCES cell (id) ON DELETE SET NULL, -- its rounds pair with these
    status          TEXT NOT NULL CHECK (status IN
        ('running', 'ok', 'skipped', 'invalid', 'failed', 'interrupted')),
    reason          TEXT CHECK (reason <> ''),
    CHECK ((status IN ('running', 'ok')) = (reason IS NULL))
) STRICT;
CREATE INDEX cell_run ON cell (run);
CREATE INDEX cell_partner ON cell (partner);

-- Every sample that was taken, warm-up included: round < 0.
CREATE TABLE sample (
    id             INTEGER PRIMARY KEY,
    cell           INTEGER NOT NULL REFERENCES cell (id) ON DELETE CASCADE,
    round          INTEGER NOT NULL,
    order_in_round INTEGER NOT NULL CHECK (order_in_round >= 0),
    start_ns       INTEGER NOT NULL,                -- CLOCK_MONOTONIC: of use within one boot only
    time_ns        INTEGER NOT NULL CHECK (time_ns >= 0)
) STRICT;
CREATE INDEX sample_cell ON sample (cell, round);

-- What the meters said of one sample.
CREATE TABLE reading (
    sample     INTEGER NOT NULL REFERENCES sample (id) ON DELETE CASCADE,
    channel    TEXT NOT NULL,
    unit       TEXT NOT NULL,
    value      REAL,
    provenance TEXT NOT NULL CHECK (provenance IN
        ('measured', 'counted', 'hw-estimate', 'metered', 'virtual', 'derived', 'cycled',
         'modelled', 'paper', 'fixture')),
    reason     TEXT CHECK (reason <> ''),           -- why there is no value
    PRIMARY KEY (sample, channel),
    CHECK ((value IS NULL) <> (reason IS NULL))
) STRICT, WITHOUT ROWID;

-- Values of a whole cell: footprints, modelled joules, numbers of the paper.
CREATE TABLE value (
    cell       INTEGER NOT NULL REFERENCES cell (id) ON DELETE CASCADE,
    metric     TEXT NOT NULL,
    value      REAL,
    unit       TEXT NOT NULL,
    provenance TEXT NOT NULL CHECK (provenance IN
        ('measured', 'counted', 'hw-estimate', 'metered', 'virtual', 'derived', 'cycled',
         'modelled', 'paper', 'fixture')),
    reason     TEXT CHECK (reason <> ''),           -- why there is no value
    PRIMARY KEY (cell, metric, provenance),
    CHECK ((value IS NULL) <> (reason IS NULL))
) STRICT, WITHOUT ROWID;
