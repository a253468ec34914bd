# redis-benchmark: the load generator that everybody tries first.

source "$COMPAT_LIB/steps.sh"

# bench OPTIONS...: one line of results for every test, and no complaint.
bench() {
  local output
  output=$(timeout 20 redis-benchmark -h "$COMPAT_HOST" -p "$COMPAT_PORT" -n 5000 --csv "$@" 2>&1)
  if [[ $? != 0 || $output == *[Ee]rror* || $output == *ERR* ]]; then
    echo "$output"
    return 1
  fi
  equal "$(grep -cE '^"[A-Z].*","[0-9.]+"' <<<"$output")" "$tests"
}

one_by_one() { tests=4 bench -t get,set,incr,mset; }
pipelined() { tests=4 bench -t get,set,incr,mset -P 16 -c 50; }
ping_both_ways() { tests=2 bench -t ping; }
resp3() { tests=2 bench -3 -t get,set; }
random_keys() { tests=1 bench -t set -r 1000 -d 1000 && [[ $(cli DBSIZE) -gt 500 ]]; }
own_command() {
  local output
  output=$(timeout 20 redis-benchmark -h "$COMPAT_HOST" -p "$COMPAT_PORT" -n 1000 -q \
    SETEX key:__rand_int__ 100 v 2>&1) && contains "$output" 'requests per second'
}
password() {
  timeout 20 redis-benchmark -h "$COMPAT_HOST" -p "$COMPAT_AUTH_PORT" -a "$COMPAT_PASSWORD" \
    -n 1000 -q -t get | grep -q 'requests per second'
}

step load/one-by-one one_by_one
step load/pipeline-16 pipelined
step load/ping ping_both_ways
step load/resp3 resp3
step load/random-keys random_keys
step load/own-command own_command
step load/password password

done_with_steps
