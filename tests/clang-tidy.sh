#!/bin/bash
# clang-tidy over the sources that users run. A file's verdict is kept by a hash of everything it includes, so
# that only what changed is looked at again.
#
# Most of a run's time is its headers', so sources are looked at ten at a time, as one. Those whose names clash with
# others' in it wait for a later ten.
#   tests/clang-tidy.sh BUILD_DIR [JOBS]
#   tests/clang-tidy.sh --self-test      whether a planted fault is found in the midst of others
set -euo pipefail
cd "$(dirname "$0")/.."
export root=$PWD
export flags="-std=c++23 -I$PWD $(pkg-config --cflags libuv spdlog)"
most=10

# The sources named in a file, as one.
unite() { sed -E "s#^([^/].*)#$root/\1#; s#.*#\#include \"&\"#" "$1" > "$1.cc"; }

tidy() {
  clang-tidy-19 --quiet --config-file="$root/.clang-tidy" --checks=-bugprone-suspicious-include \
    --header-filter='.*/(resp|storage|cluster|server)/.*\.(h|cc)$' "$1.cc" -- $flags 2> /dev/null
}

key_of() {
  { cat .clang-tidy "$1"; clang++-19 $flags -MM "$1" | tr -d '\\\n' | cut -d: -f2 | xargs cat; } |
    sha256sum | cut -c1-40
}

# Takes sources out of the batch, into BATCH.left, until the others stand beside each other.
separate() {
  local batch=$1 clashing
  : > "$batch.left"
  while unite "$batch" && ! clang++-19 -fsyntax-only $flags "$batch.cc" > "$batch.told" 2>&1; do
    (($(wc -l < "$batch") > 1)) || return 0  # its error is its own, and clang-tidy's to tell
    clashing=$(sed -nE "s#^$root/([^: ]*\.cc):.*#\1#p" "$batch.told" | sort -u | grep -vxF "$(head -n 1 "$batch")") ||
      clashing=$(tail -n 1 "$batch")
    echo "$clashing" >> "$batch.left"
    grep -vxF "$clashing" "$batch" > "$batch.rest"
    mv "$batch.rest" "$batch"
  done
}

check_batch() {
  local batch=$1 cache=$2 file
  separate "$batch"
  tidy "$batch" || { echo "clang-tidy: in $(tr '\n' ' ' < "$batch")"; return 1; }
  while read -r file; do touch "$cache/$(key_of "$file")"; done < "$batch"
}
export -f unite tidy key_of separate check_batch

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [[ $1 = --self-test ]]; then
  mkdir "$scratch/server"
  cat > "$scratch/server/planted.cc" << 'PLANTED'
#include <string>
#include <utility>
size_t Planted(std::string text) {
  const std::string other = std::move(text);
  return text.size() + other.size();
}
PLANTED
  git ls-files 'resp/*.cc' > "$scratch/batch"
  echo "$scratch/server/planted.cc" >> "$scratch/batch"
  separate "$scratch/batch"
  if tidy "$scratch/batch" > "$scratch/told" || ! grep -q 'planted.cc:5:.*bugprone-use-after-move' "$scratch/told"; then
    echo "clang-tidy: the planted fault is not found"
    exit 1
  fi
  exit
fi

build=$1
jobs=${2:-2}
cache=$build/clang-tidy-passed
mkdir -p "$cache"

# Folder by folder, whose files include the same.
for folder in resp storage cluster server; do
  git ls-files "$folder/*.cc" | while read -r file; do
    [[ -e $cache/$(key_of "$file") ]] || echo "$file"
  done > "$scratch/todo"
  while [[ -s $scratch/todo ]]; do
    rm -f "$scratch"/batch-*
    split -l "$most" "$scratch/todo" "$scratch/batch-"
    ls "$scratch"/batch-* | xargs -P "$jobs" -I{} bash -c 'check_batch "$@"' _ {} "$cache"
    cat "$scratch"/batch-*.left > "$scratch/todo"
  done
done
echo "clang-tidy: nothing found"
