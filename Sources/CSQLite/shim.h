// SPDX-License-Identifier: Apache-2.0
// SQLite as Swift sees it: its header, and what is a macro there as a function or a constant here.
#pragma once
#include <sqlite3.h>

/// SQLite copies the bytes before the call returns.
static inline sqlite3_destructor_type stint_sqlite_transient(void) { return SQLITE_TRANSIENT; }
