#!/bin/sh
# Checks the types of the page's scripts, and runs the tests that need no browser. It needs Node 20
# and npm.
#
#   herd/dashboard/check.sh
set -eu
cd "$(dirname "$0")"

# npx puts packages into a folder that `tsc` would not search for types.
npx --yes -p typescript@5.9.3 -p @types/leaflet@1.9.22 -c \
    'tsc -p . --typeRoots "$(dirname "$(dirname "$(command -v tsc)")")/@types"'
node --test tests/
