#!/bin/bash
# Plants each fault in turn and prints the first seed that found it, on a single node or on five, which hide what one of
# them does wrong; fails when one survives 250 seeds of each.
#   tests/sim/mutations.sh SIMULATE_MUTATED [OPTION ...]
set -uo pipefail
simulate=$1
shift
status=0
"$simulate" --mutation none --seeds 50 "$@" || { echo "it breaks without any"; exit 1; }
for mutation in $("$simulate" --list-mutations); do
  for nodes in 1 5; do
    found=$("$simulate" --mutation "$mutation" --until-broken --seeds 250 "$@" --nodes $nodes 2>/dev/null | grep -m1 '^BROKEN')
    [[ -z $found ]] || break
  done
  printf '%-26s %s\n' "$mutation" "${found:-SURVIVES}" | cut -c1-160
  [[ -n $found ]] || status=1
done
exit $status
