#!/bin/bash
# clang-tidy over the sources that users run. A file's verdict is kept by a hash of everything it includes, so
# that only what changed is looked at again.
#   tests/clang-tidy.sh BUILD_DIR [JOBS]
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
jobs=${2:-2}
cache=$build/clang-tidy-passed
mkdir -p "$cache"

check_one() {
  local file=$1 build=$2 cache=$3 key
  key=$({ cat .clang-tidy "$file"; clang++-19 -std=c++23 -I. -MM "$file" | tr -d '\\\n' | cut -d: -f2 | xargs cat; } |
    sha256sum | cut -c1-40)
  [[ -e $cache/$key ]] && return 0
  clang-tidy-19 --quiet -p "$build" "$file" 2>/dev/null || { echo "clang-tidy: $file"; return 1; }
  touch "$cache/$key"
}
export -f check_one
git ls-files 'resp/*.cc' 'storage/*.cc' 'cluster/*.cc' 'server/*.cc' |
  xargs -P "$jobs" -I{} bash -c 'check_one "$@"' _ {} "$build" "$cache"
echo "clang-tidy: nothing found"
