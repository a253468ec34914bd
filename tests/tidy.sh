#!/bin/bash
# The architecture's rules and the house rules that a compiler does not check.
#   tests/tidy.sh              checks the tree; prints rule, file and line of every breach
#   tests/tidy.sh --self-test  plants one breach of each rule in a scratch tree and fails unless it is reported
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# rule % files (regex on the path) % files excepted (regex, - for none) % what must not match (extended regex)
rules() {
  cat <<'RULES'
resp-includes%^resp/%-%^#include "(storage|cluster|server|tests)/
resp-standard-library-only%^resp/%-%^#include <[a-z_]*(\.h|/)
storage-includes%^storage/%-%^#include "(resp|cluster|server|tests)/
cluster-includes%^cluster/%-%^#include "(resp|server|tests)/
server-includes%^server/%-%^#include "tests/
uv-only-in-uv-files%^(resp|storage|cluster|server)/%^server/uv_%^#include <uv\.h>
lmdb-only-in-lmdb-files%^(resp|storage|cluster|server)/%^storage/lmdb_%^#include <lmdb\.h>
spdlog-only-in-the-log%^(resp|storage|cluster|server)/%^server/log\.cc%^#include <spdlog/
roaring-only-in-received-dots%^(resp|storage|cluster|server)/%^cluster/received_dots\.cc%^#include <roaring/
openssl-only-in-macs%^(resp|storage|cluster|server)/%^cluster/(context_token|mac)\.cc%^#include <openssl/
lzf-only-in-dump%^(resp|storage|cluster|server)/%^server/redis_dump\.cc%^#include <(liblzf/)?lzf\.h>
cluster-has-no-clock%^cluster/%-%<chrono>|<ctime>|<time\.h>|std::chrono|clock_gettime\(|gettimeofday|[^_a-z]time\(
cluster-has-no-entropy%^cluster/%-%<random>|std::random|getrandom|[^_a-z]s?rand\(
cluster-has-no-threads%^cluster/%-%<(thread|mutex|atomic|future|condition_variable|stop_token)>|std::(thread|jthread|mutex|atomic)
cluster-has-no-sockets%^cluster/%-%<(sys/socket|netinet/.*|arpa/.*|unistd)\.h>
server-clock-only-in-the-shell%^server/%^server/(uv_[a-z_]*|main|log)\.cc%<chrono>|std::chrono|clock_gettime\(|gettimeofday|[^_a-z]time\(
own-random-numbers%^(resp|storage|cluster|server|tests)/.*\.(cc|h)$%-%std::[a-z_]*_distribution|std::(mt19937|default_random_engine|random_device)|[^_a-z]s?rand\(
no-exceptions%^(resp|storage|cluster|server)/%-%(^|[^a-z_])(throw[ ;(]|catch \(|try \{)
no-shared-ptr%^(resp|storage|cluster|server)/%^(server/log\.cc|storage/(simulated_disk|memory_base_store)\.)%std::(shared_ptr|make_shared|weak_ptr)
numbers-by-from-chars%^(resp|storage|cluster|server)/%^server/text\.cc%[^_a-z](atoi|atol|atoll|atof|strtol|strtoll|strtoul|strtoull|strtod|stoi|stol|stoll|stoul|stoull|stod|stof|sscanf)\(
no-unsafe-strings%^(resp|storage|cluster|server|tests)/.*\.(cc|h)$%-%[^_a-z](strcpy|strcat|sprintf|vsprintf|gets)\(
no-leftovers%^(resp|storage|cluster|server|tests)/.*\.(cc|h)$%-%(^|[^A-Za-z_])(TODO|FIXME|XXX|HACK)([^A-Za-z_]|$)
tests-do-not-sleep%^tests/.*\.(cc|h)$%^tests/(process|bench)/%sleep_for|sleep_until|[^_a-z]u?sleep\(|nanosleep
tests-open-no-ports%^tests/.*\.(cc|h)$%^tests/(process|bench)/%<sys/socket\.h>|<netinet/|<hiredis/
no-machine-paths%.%^tests/tidy\.sh$%/work/|/root/|/home/[a-z]
RULES
}

# Files in which a rule looks, relative to the root.
list_files() {
  if [[ -d $1/.git || -f $1/.git ]]; then git -C "$1" ls-files -co --exclude-standard
  else (cd "$1" && find . -type f | sed 's,^\./,,'); fi
}

check_tree() {
  local root=$1 status=0 files rule where except pattern hits file
  files=$(list_files "$root" | grep -vE '(^|/)(node_modules|corpus)/|package-lock\.json$|^LICENSE$')
  while IFS='%' read -r rule where except pattern; do
    hits=$(echo "$files" | grep -E "$where" | { [[ $except == - ]] && cat || grep -vE "$except"; } |
      while read -r file; do [[ -f $root/$file ]] && echo "$file"; done |
      (cd "$root" && xargs -r -d '\n' grep -nHIE -- "$pattern"))
    if [[ -n $hits ]]; then
      echo "$hits" | sed "s/^/$rule: /"
      status=1
    fi
  done < <(rules)
  for file in $(echo "$files" | grep -E '^(resp|storage|cluster|server|tests)/.*\.h$'); do
    [[ ! -f $root/$file ]] || grep -q '^#pragma once' "$root/$file" || { echo "pragma-once: $file"; status=1; }
  done
  for file in $(echo "$files" | grep -E '^(resp|storage|cluster|server)/.*\.(h|cc)$' | grep -v '^server/rows/'); do
    [[ -f $root/$file ]] && (($(wc -l <"$root/$file") > 500)) && { echo "one-idea-a-file: $file has over 500 lines"; status=1; }
  done
  return $status
}

# One line that breaks each rule, in a file the rule looks at: rule % file % text
breaches() {
  cat <<'BREACHES'
resp-includes%resp/x.cc%#include "server/config.h"
resp-standard-library-only%resp/x.cc%#include <unistd.h>
storage-includes%storage/x.cc%#include "cluster/slot.h"
cluster-includes%cluster/x.cc%#include "server/config.h"
server-includes%server/x.cc%#include "tests/server/server_tester.h"
uv-only-in-uv-files%server/x.cc%#include <uv.h>
lmdb-only-in-lmdb-files%storage/x.cc%#include <lmdb.h>
spdlog-only-in-the-log%server/x.cc%#include <spdlog/spdlog.h>
roaring-only-in-received-dots%cluster/x.cc%#include <roaring/roaring.h>
openssl-only-in-macs%cluster/x.cc%#include <openssl/evp.h>
lzf-only-in-dump%server/x.cc%#include <liblzf/lzf.h>
cluster-has-no-clock%cluster/x.cc%auto now = std::chrono::system_clock::now();
cluster-has-no-entropy%cluster/x.cc%#include <random>
cluster-has-no-threads%cluster/x.cc%#include <thread>
cluster-has-no-sockets%cluster/x.cc%#include <sys/socket.h>
server-clock-only-in-the-shell%server/x.cc%clock_gettime(CLOCK_REALTIME, &time);
own-random-numbers%tests/server/x.cc%std::uniform_int_distribution<int> die(1, 6);
no-exceptions%server/x.cc%  throw 1;
no-shared-ptr%server/x.cc%std::shared_ptr<int> p;
numbers-by-from-chars%server/x.cc%int n = atoi(text);
no-unsafe-strings%server/x.cc%  strcpy(to, from);
no-leftovers%server/x.cc%// TODO finish
tests-do-not-sleep%tests/server/x.cc%std::this_thread::sleep_for(1s);
tests-open-no-ports%tests/server/x.cc%#include <sys/socket.h>
no-machine-paths%README.md%see /work/main
pragma-once%server/x.h%int x;
one-idea-a-file%server/x.cc%LONG
BREACHES
}

self_test() {
  local status=0 rule file text scratch seen=0
  while IFS='%' read -r rule file text; do
    scratch=$(mktemp -d)
    mkdir -p "$scratch/$(dirname "$file")"
    if [[ $text == LONG ]]; then yes 'int x;' | head -501 >"$scratch/$file"; else echo "$text" >"$scratch/$file"; fi
    if grep -q "^$rule:" <<<"$(check_tree "$scratch")"; then seen=$((seen + 1))
    else echo "rule $rule did not fire on: $text"; status=1; fi
    rm -rf "$scratch"
  done < <(breaches)
  while IFS='%' read -r rule _; do
    breaches | grep -q "^$rule%" || { echo "rule $rule has no breach to test it with"; status=1; }
  done < <(rules)
  echo "tidy: $seen rules fire"
  return $status
}

if [[ ${1:-} == --self-test ]]; then self_test; else
  check_tree "$(dirname "$here")" && echo "tidy: the rules hold"
fi
