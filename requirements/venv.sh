#!/usr/bin/env bash
# usage: venv.sh PYTHON FOLDER — a virtual environment with pip, also where Debian left ensurepip out.
set -euo pipefail
python=$1 folder=$2
if ! command -v "$python" >/dev/null; then
  echo "$python is not installed. Install Python 3.11 (Debian: apt-get install python3.11) or name one: make PYTHON=/path/to/python3.11" >&2
  exit 2
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$version" != 3.11 ]; then
  echo "$python is Python $version; the locked lists are made for 3.11. Name one: make PYTHON=/path/to/python3.11" >&2
  exit 2
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  "$(dirname "$0")/packages.sh" python3.11-venv
fi
if ! "$folder/bin/python" -c 'import pip' 2>/dev/null; then
  "$python" -m venv "$folder"
fi
