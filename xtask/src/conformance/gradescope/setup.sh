#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image of the assignment. Install here what
# the programs of your class need: submissions are built and run without any other preparation.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends \
    ca-certificates python3 python3-pip python3-venv util-linux

# Packages of Python that submissions may import. On Ubuntu 24.04, pip also needs
# --break-system-packages.
# python3 -m pip install aiohttp

# Node.js, Go, Rust, Elixir:
# apt-get install --yes --no-install-recommends nodejs npm
# apt-get install --yes --no-install-recommends golang
# apt-get install --yes --no-install-recommends cargo
# apt-get install --yes --no-install-recommends elixir

# The suite must start on this image. If it does not, README.md says which images it runs on.
AUTOGRADER="${AUTOGRADER:-/autograder}"
chmod +x "$AUTOGRADER/source/conformance" "$AUTOGRADER/source/run_autograder"
"$AUTOGRADER/source/conformance" --version
