// SPDX-License-Identifier: Apache-2.0
// SQLite as Swift sees it: its header, and what is a macro or a variadic there as a function or a constant here.
#pragma once
#include <sqlite3.h>

/// SQLite copies the bytes before the call returns.
static inline sqlite3_destructor_type stint_sqlite_transient(void) { return SQLITE_TRANSIENT; }

/// Turns an option of a connection on or off, and reports an SQLite result code.
static inline int stint_sqlite_set_option(sqlite3 *connection, int option, int on) {
    return sqlite3_db_config(connection, option, on, (int *)0);
}

/// Without SQLite's count of its own memory, which nobody asks for: it takes a lock for each piece. Before the first connection.
static inline int stint_sqlite_count_no_memory(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

// Extended result codes are expressions in SQLite's header, which Swift does not import.
static const int stint_sqlite_constraint_check = SQLITE_CONSTRAINT_CHECK;
static const int stint_sqlite_constraint_datatype = SQLITE_CONSTRAINT_DATATYPE;
static const int stint_sqlite_constraint_foreign_key = SQLITE_CONSTRAINT_FOREIGNKEY;
static const int stint_sqlite_constraint_not_null = SQLITE_CONSTRAINT_NOTNULL;
static const int stint_sqlite_constraint_primary_key = SQLITE_CONSTRAINT_PRIMARYKEY;
static const int stint_sqlite_constraint_rowid = SQLITE_CONSTRAINT_ROWID;
static const int stint_sqlite_constraint_trigger = SQLITE_CONSTRAINT_TRIGGER;
static const int stint_sqlite_constraint_unique = SQLITE_CONSTRAINT_UNIQUE;
