#!/usr/bin/env bash
# usage: packages.sh NAME… — installs the Debian packages that are missing; says what to type where it may not.
set -euo pipefail
missing=()
for name in "$@"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
done
[ ${#missing[@]} -eq 0 ] && exit 0
sudo=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
    echo "Missing Debian packages: ${missing[*]}. As root: apt-get install ${missing[*]}" >&2
    exit 2
  fi
  sudo=(sudo -n)
fi
echo "Installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install() { "${sudo[@]}" apt-get install -qq --yes --no-install-recommends "${missing[@]}" >/dev/null; }
# Package lists may be absent or old on a new machine: renew them and try once more.
install 2>/dev/null || { "${sudo[@]}" apt-get update -qq && install; }
