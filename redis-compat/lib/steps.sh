# Reports steps to redis-compat/run, which describes the lines. Sourced by the shell scripts.
# Needs bash 4; $T is a directory that is gone afterwards.

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

cli() { timeout 20 redis-cli -h "$COMPAT_HOST" -p "$COMPAT_PORT" "$@"; }
auth_cli() { timeout 20 redis-cli -h "$COMPAT_HOST" -p "$COMPAT_AUTH_PORT" "$@"; }

# step NAME FUNCTION: the step passes if the function returns 0; what it printed last says why not.
step() {
  local output
  if output=$("$2" 2>&1); then
    echo "ok $COMPAT_CLIENT $1"
  else
    echo "FAIL $COMPAT_CLIENT $1: $(tail -n 3 <<<"$output" | tr '\n' ' ' | cut -c 1-300)"
  fi
}

skip() { echo "skip $COMPAT_CLIENT $1: $2"; }

# equal GOT EXPECTED
equal() {
  [[ $1 == "$2" ]] || { echo "got '${1:0:120}', expected '${2:0:120}'"; return 1; }
}

# contains TEXT PART
contains() {
  [[ $1 == *"$2"* ]] || { echo "'${1:0:200}' lacks '${2:0:120}'"; return 1; }
}

# until_true COMMAND...: tries for 5 seconds.
until_true() {
  local i
  for ((i = 0; i < 250; i++)); do
    "$@" >"$T/until" 2>&1 && return 0
    sleep 0.02
  done
  echo "still false after 5 s: $*: $(tail -n 1 "$T/until")"
  return 1
}

done_with_steps() { echo "done $COMPAT_CLIENT"; }
