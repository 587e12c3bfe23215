"""The state of an emulator: one SQLite file that survives a restart and a kill.

Decides how the file is opened, recognised and committed. What is in the tables is decided by the modules of the nouns.
One process at a time owns the file; every transaction is on disk (for a process that dies, not for a machine that
loses power) when it ends.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

_APPLICATION_ID = 0x48425245
_SCHEMA_VERSION = 1
_LOCK_SECONDS = 0.5
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE nonces (
    access_key_id TEXT NOT NULL, nonce TEXT NOT NULL, expires REAL NOT NULL, PRIMARY KEY (access_key_id, nonce)
) WITHOUT ROWID;
CREATE INDEX nonces_by_expiry ON nonces (expires);
CREATE TABLE vaults (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    vault_id TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    replication INTEGER NOT NULL,
    resource_group TEXT NOT NULL,
    source_id TEXT,
    occupies INTEGER NOT NULL,
    ready_at REAL,
    outcome TEXT NOT NULL,
    outcome_message TEXT,
    gone_at REAL,
    release_at REAL NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX vaults_by_owner ON vaults (owner, seq);
CREATE INDEX vaults_by_region ON vaults (owner, region, seq);
CREATE INDEX vaults_by_name ON vaults (owner, name);
CREATE INDEX vaults_by_source ON vaults (source_id) WHERE source_id IS NOT NULL;
CREATE INDEX vaults_to_settle ON vaults (ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX vaults_to_remove ON vaults (gone_at) WHERE gone_at IS NOT NULL;
CREATE TABLE tags (
    vault_id TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (vault_id, key)
) WITHOUT ROWID;
CREATE INDEX tags_by_key ON tags (key, value, vault_id);
CREATE TABLE tasks (
    task_id TEXT PRIMARY KEY,
    owner INTEGER NOT NULL,
    region TEXT NOT NULL,
    vault_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created REAL NOT NULL,
    due_at REAL NOT NULL,
    failure TEXT,
    cancelled_at REAL
) WITHOUT ROWID;
CREATE INDEX tasks_by_vault ON tasks (vault_id);
CREATE TABLE calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,
    action TEXT NOT NULL,
    region_id TEXT,
    parameters TEXT NOT NULL,
    status INTEGER,
    code TEXT NOT NULL
);
CREATE TABLE faults (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    action TEXT NOT NULL,
    fault TEXT NOT NULL,
    times INTEGER NOT NULL,
    after INTEGER NOT NULL,
    options TEXT NOT NULL
);
"""


class StateError(Exception):
    """The state file cannot be used; the message is one line for a person."""


class Database:
    """The open state."""

    def __init__(self, path: str | Path | None) -> None:
        """Open the state file, creating it when it is absent; None keeps the state in memory.

        Raises StateError when the file cannot be written, is corrupt, is not an emulator's, or is in use.
        """
        self._connection: sqlite3.Connection | None = None
        if path is not None and not str(path):
            raise StateError("The name of the state file is empty.")
        try:
            self._connection = sqlite3.connect(
                ":memory:" if path is None else str(Path(path).absolute()),
                timeout=_LOCK_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            self._prepare(path)
        except (sqlite3.Error, StateError) as error:
            self.close()
            if isinstance(error, StateError):
                raise
            reason = "another process uses it" if "locked" in str(error) else str(error)
            raise StateError(f"The state file {str(path)!r} cannot be used: {reason}.") from error

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for the modules that own tables."""
        if self._connection is None:
            raise StateError("The state is closed.")
        return self._connection

    def _prepare(self, path: str | Path | None) -> None:
        """Recognise the file before anything is written to it, take it, and create the tables of a new one."""
        connection = self.connection
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        found = (
            connection.execute("PRAGMA application_id").fetchone()[0],
            connection.execute("PRAGMA user_version").fetchone()[0],
        )
        if not is_new and found[0] != _APPLICATION_ID:
            raise StateError(f"The state file {str(path)!r} is a database, but not one of this emulator.")
        if not is_new and found[1] != _SCHEMA_VERSION:
            raise StateError(f"The state file {str(path)!r} was written by another version of this emulator.")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if is_new:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID}; "
                f"PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;"
            )
        else:
            damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise StateError(f"The state file {str(path)!r} is corrupt: {damage}.")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM meta WHERE name = 'never written'")
        connection.execute("COMMIT")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what the block wrote when it ends, all or nothing."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # A full disk, for one, has ended the transaction already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Undo what the block wrote when it raises, inside a transaction that goes on."""
        connection = self.connection
        connection.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK TO attempt")
            connection.execute("RELEASE attempt")
            raise
        connection.execute("RELEASE attempt")

    def close(self) -> None:
        """Close the state; closing twice is fine."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
