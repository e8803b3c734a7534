#!/bin/sh
# Rebuilds `vendor/` from npm's registry, byte for byte. `vendor/SHA256SUMS` says what must come out.
#
#   herd/dashboard/vendor.sh
#
# To take a newer version, change it here, run `herd/dashboard/vendor.sh --update`, and correct
# vendor/README.md and NOTICE.
set -eu
vendor=$(cd "$(dirname "$0")" && pwd)/vendor
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# take PACKAGE@VERSION FILE...: copies files of a package to `vendor/`.
take() {
    package=$1
    shift
    archive=$(cd "$scratch" && npm pack --silent "$package")
    tar -xzf "$scratch/$archive" -C "$scratch"
    for file in "$@"; do
        cp "$scratch/package/$file" "$vendor/"
    done
    rm -rf "$scratch/package"
}

take leaflet@1.9.4 dist/leaflet.js dist/leaflet.css
take supercluster@9.1.0 dist/supercluster.min.js
take topojson-client@3.1.0 dist/topojson-client.min.js
take world-atlas@2.0.2 countries-110m.json

cd "$vendor"
chmod 644 ./*.js ./*.css ./*.json
if [ "${1:-}" = --update ]; then
    sha256sum ./*.js ./*.css ./*.json > SHA256SUMS
fi
sha256sum --check SHA256SUMS
