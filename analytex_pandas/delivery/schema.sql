-- The journal of a state directory, see journal.py. It is cut at semicolons, so no comment has one.
CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE push (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,             -- salted digest: environment and key, neither of them readable
    base_url TEXT NOT NULL,
    status TEXT NOT NULL,              -- running, paused, or how it ended
    error_class TEXT,
    error TEXT,                        -- what stopped it, in words
    parent TEXT,                       -- the push that this one retries
    counts TEXT NOT NULL,              -- of its plan, JSON
    document BLOB NOT NULL,            -- its plan
    digest TEXT,                       -- what tells its records from any others
    source TEXT NOT NULL DEFAULT '',   -- the file that it was read from, by its name
    created_at REAL NOT NULL,          -- seconds since 1970, UTC, like all times here
    ended_at REAL,
    driver TEXT,                       -- who drives it, or did last: JSON of pid, host, since
    forgiven_refused INTEGER NOT NULL DEFAULT 0,   -- rows answered for when the user let a stopped push go on
    forgiven_answered INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX push_by_account ON push (account, created_at);
CREATE TABLE chunk (
    push TEXT NOT NULL REFERENCES push (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    job_id TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    completed_rows INTEGER,
    refused INTEGER NOT NULL DEFAULT 0,
    unknown INTEGER NOT NULL DEFAULT 0,
    known_jobs TEXT,                   -- ids of the jobs listed before its submit, JSON, while in doubt
    twins TEXT,                        -- ids of other jobs that the service made of it, JSON
    heard TEXT,                        -- answers about its running job that spoke of errors, JSON
    submitted_at REAL,
    ended_at REAL,
    PRIMARY KEY (push, number)
) WITHOUT ROWID;
CREATE INDEX chunk_by_job ON chunk (job_id) WHERE job_id IS NOT NULL;
CREATE TABLE error (
    push TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    position INTEGER,
    id TEXT,
    property TEXT,
    code TEXT,
    message TEXT NOT NULL,
    job_id TEXT,
    raw TEXT NOT NULL,
    PRIMARY KEY (push, chunk, ordinal),
    FOREIGN KEY (push, chunk) REFERENCES chunk (push, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE kept (                    -- rows that were refused or are unknown, as Arrow IPC, see kept.py
    push TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    rows BLOB NOT NULL,
    PRIMARY KEY (push, chunk),
    FOREIGN KEY (push, chunk) REFERENCES chunk (push, number) ON DELETE CASCADE
);
CREATE TABLE memory (                  -- what an account has acknowledged, see memory.py
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    revision INTEGER NOT NULL,         -- grows with whatever is sent, answered or forgotten
    base TEXT,                         -- the folder of its older part
    folded INTEGER NOT NULL DEFAULT 0, -- the revision up to which all answers are in the base
    PRIMARY KEY (account, kind)
) WITHOUT ROWID;
CREATE TABLE sent (                    -- its newer part: digests of the cells of each chunk that was sent
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    push TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    sent INTEGER NOT NULL,             -- the revision when it was about to be sent
    answered INTEGER,                  -- the revision when it was answered for
    fates BLOB,                        -- what became of each row, a byte a row
    types TEXT NOT NULL,               -- JSON type of each property
    digests BLOB NOT NULL,             -- Arrow IPC, a row a line
    PRIMARY KEY (account, push, chunk)
);
CREATE INDEX sent_by_account ON sent (account, kind);
CREATE TABLE property (                -- the JSON type a property was last acknowledged with
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    json_type TEXT NOT NULL,
    PRIMARY KEY (account, kind, name)
) WITHOUT ROWID;
