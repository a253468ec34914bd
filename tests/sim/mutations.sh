#!/bin/bash
# Plants each fault in turn and prints the seed that found it; fails when one survives.
#   tests/sim/mutations.sh SIMULATE_MUTATED [OPTION ...]
set -uo pipefail
simulate=$1
shift
status=0
"$simulate" --mutation none --seeds 50 "$@" || { echo "it breaks without any"; exit 1; }
for mutation in $("$simulate" --list-mutations); do
  found=$("$simulate" --mutation "$mutation" --until-broken --seeds 1000 "$@" 2>/dev/null | grep -m1 '^BROKEN')
  printf '%-26s %s\n' "$mutation" "${found:-SURVIVES}" | cut -c1-160
  [[ -n $found ]] || status=1
done
exit $status
