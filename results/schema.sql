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

-- What `selftest` found out about the energy of a machine. It holds for runs of that machine whose
-- total is made of the same domains, with the same provenance.
CREATE TABLE certificate (
    id         INTEGER PRIMARY KEY,
    machine    INTEGER NOT NULL REFERENCES machine (id),
    made_at    TEXT NOT NULL,
    domains    TEXT NOT NULL,
    provenance TEXT NOT NULL CHECK (provenance IN ('hw-estimate', 'metered', 'virtual', 'fixture')),
    passed     INTEGER NOT NULL CHECK (passed IN (0, 1)),
    text       TEXT NOT NULL CHECK (text <> '')     -- JSON: every check, what it found, its limit
) STRICT;
CREATE INDEX certificate_machine ON certificate (machine);

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
    status     TEXT NOT NULL CHECK (status IN ('running', 'done', 'interrupted', 'failed')),
    certificate INTEGER REFERENCES certificate (id) ON DELETE SET NULL -- NULL: uncertified
) STRICT;
CREATE INDEX run_machine ON run (machine);

-- What a run does, block by block: the cells of a block are measured together in a process of its
-- own. A run that was interrupted goes on from here.
CREATE TABLE plan (
    run             INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    position        INTEGER NOT NULL CHECK (position >= 0), -- blocks run in this order
    block           INTEGER NOT NULL CHECK (block > 0),
    invocation      INTEGER NOT NULL CHECK (invocation >= 0), -- of this block's
    kind            TEXT NOT NULL CHECK (kind IN ('roof', 'model')),
    model           TEXT,
    formats         TEXT,                           -- with commas between them
    spec            TEXT NOT NULL CHECK (spec <> ''), -- JSON: all that the block's process is told
    predicted_bytes INTEGER,
    predicted_ns    INTEGER,                        -- NULL: not known
    time_ns         INTEGER,                        -- of its processes so far
    processes       INTEGER NOT NULL DEFAULT 0,     -- that were started for it
    state           TEXT NOT NULL CHECK (state IN
        ('waiting', 'running', 'done', 'interrupted', 'failed')),
    reason          TEXT CHECK (reason <> ''),
    PRIMARY KEY (run, position),
    CHECK ((state IN ('waiting', 'running', 'done')) = (reason IS NULL))
) STRICT, WITHOUT ROWID;

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
    block           INTEGER,                        -- of the run's plan; NULL: it has none
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
        ('measured', 'counted', 'simulated', 'hw-estimate', 'metered', 'virtual', 'derived',
         'cycled', 'modelled', 'paper', 'fixture')),
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
    time_ns        INTEGER NOT NULL CHECK (time_ns >= 0),
    process        INTEGER NOT NULL DEFAULT 0 CHECK (process >= 0) -- of the run's; 0: its first
) STRICT;
CREATE INDEX sample_cell ON sample (cell, round);

-- What the meters said of one sample.
CREATE TABLE reading (
    sample     INTEGER NOT NULL REFERENCES sample (id) ON DELETE CASCADE,
    channel    TEXT NOT NULL,
    unit       TEXT NOT NULL,
    value      REAL,
    provenance TEXT NOT NULL CHECK (provenance IN
        ('measured', 'counted', 'simulated', 'hw-estimate', 'metered', 'virtual', 'derived',
         'cycled', 'modelled', 'paper', 'fixture')),
    reason     TEXT CHECK (reason <> ''),           -- why there is no value
    note       TEXT CHECK (note <> ''),             -- what to know of a value that holds
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
        ('measured', 'counted', 'simulated', 'hw-estimate', 'metered', 'virtual', 'derived',
         'cycled', 'modelled', 'paper', 'fixture')),
    reason     TEXT CHECK (reason <> ''),           -- why there is no value
    formula    TEXT CHECK (formula <> ''),          -- of a derived value
    uncertainty REAL CHECK (uncertainty > 0),       -- standard (k = 1); NULL: not known
    PRIMARY KEY (cell, metric, provenance),
    CHECK ((value IS NULL) <> (reason IS NULL)),
    CHECK (formula IS NOT NULL OR provenance <> 'derived'),
    CHECK (formula IS NULL OR provenance IN ('derived', 'fixture')),
    CHECK (uncertainty IS NULL OR value IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- What became of each meter, way to energy, and channel of energy of a run.
CREATE TABLE meter (
    run    INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    kind   TEXT NOT NULL CHECK (kind IN ('meter', 'energy route', 'energy channel')),
    name   TEXT NOT NULL,                           -- of a channel: "route: channel"
    status TEXT NOT NULL CHECK (status <> ''),      -- "ok", or a word for why it is not there
    tried  TEXT,
    said   TEXT,
    fix    TEXT,
    lsb          REAL,                              -- of an energy channel: J (or W) a count
    period_s     REAL,                              -- between its updates, measured; NULL: unknown
    period_p95_s REAL,
    PRIMARY KEY (run, kind, name)
) STRICT, WITHOUT ROWID;

-- A stretch of time whose energy was counted: work of a cell, again and again, or idle.
CREATE TABLE window (
    id            INTEGER PRIMARY KEY,
    run           INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    cell          INTEGER REFERENCES cell (id) ON DELETE CASCADE, -- NULL: idle
    series        INTEGER NOT NULL,                 -- of the run: the windows between two idle ones
    round         INTEGER NOT NULL,                 -- idle: 0 before the work, 1 after it
    runs          INTEGER NOT NULL CHECK (runs >= 0), -- samples' worth of work
    start_ns      INTEGER NOT NULL,                 -- CLOCK_MONOTONIC, as of a sample
    time_ns       INTEGER NOT NULL CHECK (time_ns >= 0),
    state         TEXT NOT NULL CHECK (state IN ('valid', 'contended', 'invalid')),
    reason        TEXT CHECK (reason <> ''),        -- why it is not valid
    foreign_share REAL,                             -- of busy CPU time, other processes'
    steal_share   REAL,                             -- of all CPU time, taken by the hypervisor
    guard_share   REAL,                             -- CPU time of the guard thread, of the window
    CHECK ((state = 'valid') = (reason IS NULL)),
    CHECK ((cell IS NULL) = (runs = 0))
) STRICT;
CREATE INDEX window_cell ON window (cell);
CREATE INDEX window_run ON window (run, series);

-- The joules of a window by channel. `total` is the sum of what `domains` names; never sum others.
CREATE TABLE joules (
    window      INTEGER NOT NULL REFERENCES window (id) ON DELETE CASCADE,
    channel     TEXT NOT NULL,                      -- "total", or "route: channel"
    domains     TEXT CHECK (domains <> ''),         -- of the total
    value       REAL,                               -- J
    uncertainty REAL,                               -- J, standard (k = 1), calibration apart
    bound       REAL,                               -- J: the error is not larger, calibration apart
    wraps       INTEGER,                            -- of the counter, that were counted
    provenance  TEXT NOT NULL CHECK (provenance IN
        ('hw-estimate', 'metered', 'virtual', 'fixture')),
    reason      TEXT CHECK (reason <> ''),          -- why there is no value
    PRIMARY KEY (window, channel),
    CHECK ((value IS NULL) <> (reason IS NULL)),
    CHECK (uncertainty IS NULL OR value IS NOT NULL),
    CHECK ((channel = 'total') = (domains IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Power over time, as the guard thread saw it between windows' edges.
CREATE TABLE trace (
    run        INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    channel    TEXT NOT NULL,                       -- "route: channel"
    time_ns    INTEGER NOT NULL,                    -- CLOCK_MONOTONIC, the middle
    power_w    REAL NOT NULL,
    provenance TEXT NOT NULL CHECK (provenance IN
        ('hw-estimate', 'metered', 'virtual', 'fixture')),
    PRIMARY KEY (run, channel, time_ns)
) STRICT, WITHOUT ROWID;
