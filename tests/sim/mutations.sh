#!/bin/bash
# Plants each fault in turn and prints the first seed that found it; fails when one survives 250 seeds of five nodes,
# 1,500 of one (five hide what a single one does wrong, and a torn flush is rare) and 250 of five whose owners change.
# Those of moves are looked for in the small world of one partition that moves. That acknowledgements of two epochs are
# not added up is a precaution: nothing has found what goes wrong without. Nor has any of some 500 seeds found what comes
# of actors that are closed unasked, which would take hints that outlive the loss of a disk between members that are all
# linked: tests/cluster/former_actors_test.cc makes that, and fails.
#   tests/sim/mutations.sh SIMULATE_MUTATED [OPTION ...]
set -uo pipefail
simulate=$1
shift
status=0
"$simulate" --mutation none --seeds 50 "$@" || { echo "it breaks without any"; exit 1; }
for mutation in $("$simulate" --list-mutations); do
  case $mutation in
    mixes-epochs | closes-unasked) continue ;;
    serves-previous-epoch | skips-*)
      found=$("$simulate" --mutation "$mutation" --until-broken --small-moves --jobs 2 --seeds 4000 2>/dev/null | grep -m1 '^BROKEN')
      printf '%-26s %s\n' "$mutation" "${found:-SURVIVES}" | cut -c1-160
      [[ -n $found ]] || status=1
      continue ;;
  esac
  for run in '5 250' '1 1500' '5 250 --moves'; do
    read -r nodes seeds more <<< "$run"
    found=$("$simulate" --mutation "$mutation" --until-broken --seeds "$seeds" "$@" --nodes "$nodes" $more 2>/dev/null | grep -m1 '^BROKEN')
    [[ -z $found ]] || break
  done
  printf '%-26s %s\n' "$mutation" "${found:-SURVIVES}" | cut -c1-160
  [[ -n $found ]] || status=1
done
exit $status
