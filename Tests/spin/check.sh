#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Looks at every order of events of stint.pml: the design must hold, and each classic mistake must be found.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for tool in spin gcc; do
  command -v $tool >/dev/null || { echo "$tool is missing: deploy/install-packages test" >&2; exit 127; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
for mistake in NO_MISTAKE CHECK_THEN_ACT BROKER_CLOCK COUNT_VOTES NO_LEASE REVIVE; do
  spin -a -D$mistake "$here/stint.pml" >/dev/null
  gcc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=2048 -o pan pan.c
  ./pan -m200000 -E >report
  errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' report)
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' report)
  if grep -q -e 'max search depth too small' -e 'out of memory' report; then echo "$mistake: not searched whole" >&2; failed=1; fi
  expected=$([ $mistake = NO_MISTAKE ] && echo 0 || echo 1)
  if [ "$errors" = "$expected" ]; then verdict=ok; else verdict=WRONG; failed=1; fi
  echo "$mistake: $errors errors in $states states: $verdict$(sed -n 's/^pan:1: assertion violated/; found by/p' report)"
done
exit $failed
