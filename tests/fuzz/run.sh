#!/bin/sh
# Runs every fuzzer of a build on a copy of its seeds, with a fixed seed.
#   tests/fuzz/run.sh SECONDS [BUILD_DIR]     each fuzzer for SECONDS; fails on any finding
#   tests/fuzz/run.sh --canary [BUILD_DIR]    the canaries: fails unless each finds its planted fault
# A finding's input is left in BUILD_DIR/findings/.
set -eu

usage() {
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

canary=no
case "${1:-}" in
  --canary)
    [ $# -le 2 ] || usage
    canary=yes
    seconds=60 # a planted fault takes seconds; this is when we give up
    build=${2:-build-asan}
    ;;
  '' | *[!0-9]*) usage ;;
  *)
    [ $# -le 2 ] || usage
    seconds=$1
    build=${2:-build-asan}
    ;;
esac

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$build/findings"
if [ -z "${ASAN_SYMBOLIZER_PATH:-}" ] && command -v llvm-symbolizer-19 >/dev/null; then
  ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-19)
  export ASAN_SYMBOLIZER_PATH
fi
ran=0
bad=0

for fuzzer in "$build"/tests/fuzz/fuzz_*; do
  [ -f "$fuzzer" ] && [ -x "$fuzzer" ] || continue
  name=$(basename "$fuzzer")
  case $name in
    *_canary) [ $canary = yes ] || continue ;;
    *) [ $canary = no ] || continue ;;
  esac
  ran=$((ran + 1))
  corpus=$work/$name
  log=$work/$name.log
  mkdir "$corpus"
  seeds=${name#fuzz_}
  seeds=$here/corpus/${seeds%_canary}
  if [ -d "$seeds" ]; then cp -R "$seeds/." "$corpus"; fi
  case $name in
    fuzz_message | fuzz_message_canary) "$build/tests/fuzz/message_seeds" "$corpus" ;;
  esac

  status=0
  "$fuzzer" -seed=1 -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$build/findings/$name-" "$corpus" >"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")

  if [ $canary = yes ]; then
    # A finding ends with a summary; a fuzzer that cannot even start does not count as one.
    if [ $status -ne 0 ] && grep -q '^SUMMARY: ' "$log"; then
      echo "$name: found the planted fault${runs:+ after $runs runs}"
    else
      echo "$name: did not find the planted fault (exit $status, ${runs:-no} runs)" >&2
      bad=1
    fi
  elif [ $status -eq 0 ]; then
    echo "$name: $runs runs, nothing found"
  else
    echo "$name: exit $status" >&2
    tail -n 60 "$log" >&2
    bad=1
  fi
done

if [ $ran -eq 0 ]; then
  echo "no fuzzers in $build/tests/fuzz" >&2
  exit 1
fi
exit $bad
