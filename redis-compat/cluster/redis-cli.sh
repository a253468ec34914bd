# redis-cli -c, and what redis-cli --cluster asks of all nodes.
source "$COMPAT_LIB/steps.sh"

read -r first second third _ <<< "$COMPAT_NODES"
count=$(wc -w <<< "$COMPAT_NODES")
port_of() { echo "${1##*:}"; }
at() { timeout 20 redis-cli -c -p "$(port_of "$1")" "${@:2}"; }

set_and_get() {
  for i in $(seq 1 30); do
    equal "$(at "$first" SET "cli:$i" "v$i")" OK || return 1
    equal "$(at "$second" GET "cli:$i")" "v$i" || return 1
  done
}
step cluster/set-get set_and_get

info() { redis-cli --cluster info "$first" | grep -q "keys in $count masters"; }
step cluster/info info

check() {
  local output
  output=$(redis-cli --cluster check "$second") || return 1
  grep -q 'All nodes agree about slots configuration' <<< "$output" &&
    grep -q 'All 16384 slots covered' <<< "$output"
}
step cluster/check check

call() { equal "$(redis-cli --cluster call "$third" PING | grep -c PONG)" "$count"; }
step cluster/call call

done_with_steps
