#!/usr/bin/env bash
# usage: lock.sh UV — renews every list of this folder: versions and hashes, no address.
set -euo pipefail
uv=$1
cd "$(dirname "$0")"
compile() { "$uv" pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }
compile uv.in -o uv.txt
compile dev.in -o dev.txt
# The pipeline's list is part of the test list: one environment serves both.
compile pipeline.in -c dev.txt -o pipeline.txt
compile superset.in -o superset.txt
