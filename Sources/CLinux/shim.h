// SPDX-License-Identifier: Apache-2.0
// Linux calls that Swift's Glibc module hides: the headers under _GNU_SOURCE, and inline functions for macros
// and variadic calls.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
