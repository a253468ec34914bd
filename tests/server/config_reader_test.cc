#include "server/config_reader.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Outcome {
  std::string error;
  Config config;
  std::vector<std::string> ignored;
};

Outcome Apply(std::string_view text) {
  Outcome outcome;
  const auto result = ApplyConfigText(text, "c.conf", outcome.config, outcome.ignored);
  if (!result) outcome.error = result.error();
  return outcome;
}

TEST(ConfigReader, ReadsNamesInAnyCase) {
  EXPECT_EQ(Apply("PoRt 7000").config.port, 7000);
  EXPECT_EQ(Apply("APPENDFSYNC Always").config.appendfsync, storage::Durability::kAlways);
}

TEST(ConfigReader, LaterLinesOverrideEarlierOnes) {
  EXPECT_EQ(Apply("port 1\nport 2\n").config.port, 2);
}

TEST(ConfigReader, SaveLinesAddUpAndAnEmptyOneClears) {
  EXPECT_EQ(Apply("save 900 1\nsave 300 10").config.save, "900 1 300 10");
  EXPECT_EQ(Apply("save 900 1\nsave \"\"").config.save, "");
  EXPECT_EQ(Apply("save \"\"\nsave 60 5").config.save, "60 5");
  EXPECT_EQ(Apply("save 900 1\nsave 60").error, "c.conf:2: save: Invalid save parameters");
}

TEST(ConfigReader, SeveralWordsMayStandInOnePairOfQuotes) {
  EXPECT_THAT(Apply("bind \"a -::1\" b").config.bind, ElementsAre("a", "-::1", "b"));
  EXPECT_THAT(Apply("bind \"\"").config.bind, IsEmpty());
}

TEST(ConfigReader, OutputLimitsOfOtherClassesStay) {
  const Config config = Apply("client-output-buffer-limit replica 1mb 2k 3\n").config;
  EXPECT_EQ(config.client_output_buffer_limit[1], (OutputLimit{1 << 20, 2000, 3}));
  EXPECT_EQ(config.client_output_buffer_limit[2], Config{}.client_output_buffer_limit[2]);
}

TEST(ConfigReader, ErrorsNameFileLineAndOption) {
  EXPECT_EQ(Apply("# one\n\nnosuchthing 1").error, "c.conf:3: nosuchthing: unknown option");
  EXPECT_EQ(Apply("port 70000").error,
            "c.conf:1: port: argument must be between 0 and 65535 inclusive");
  EXPECT_EQ(Apply("databases 17").error,
            "c.conf:1: databases: argument must be between 1 and 16 inclusive");
  EXPECT_EQ(Apply("unixsocketperm 778").error,
            "c.conf:1: unixsocketperm: argument couldn't be parsed as an octal number");
  EXPECT_EQ(Apply("unixsocketperm 1000").error,
            "c.conf:1: unixsocketperm: argument must be between 0 and 777 inclusive");
  EXPECT_EQ(Apply("port \"1").error, "c.conf:1: port: the quotes are not balanced");
  EXPECT_EQ(Apply("dir \"\"").error, "c.conf:1: dir: the path must not be empty");
  EXPECT_EQ(Apply("dir \"a\\x00b\"").error, "c.conf:1: dir: a path cannot hold a NUL byte");
}

TEST(ConfigReader, OptionsNeedTheRightNumberOfWords) {
  for (const char* text : {"port", "port 1 2", "save", "hz", "replicaof"}) {
    EXPECT_THAT(Apply(text).error, HasSubstr("wrong number of arguments")) << text;
  }
}

TEST(ConfigReader, TheNearestNameIsSuggestedWhenItIsNear) {
  EXPECT_EQ(Apply("maxmemmory 1").error,
            "c.conf:1: maxmemmory: unknown option; did you mean 'maxmemory'?");
  EXPECT_EQ(Apply("prot 1").error, "c.conf:1: prot: unknown option; did you mean 'port'?");
  EXPECT_EQ(Apply("port=1 2").error, "c.conf:1: port=1: unknown option; write 'port value'");
  EXPECT_EQ(Apply("\"\" 1").error, "c.conf:1: \"\": unknown option");
  EXPECT_EQ(Apply(std::string(100000, 'x') + " 1").error.find("did you mean"), std::string::npos);
}

TEST(ConfigReader, AnErrorChangesNothing) {
  const Outcome outcome = Apply("port 1\nhz 5\nnosuch 1\n");
  EXPECT_EQ(outcome.config.port, Config{}.port);
  EXPECT_THAT(outcome.ignored, IsEmpty());
}

TEST(ConfigReader, OptionsWithoutEffectAreListedOnce) {
  const Outcome outcome =
      Apply("hz 10\nrdbcompression yes\nHZ 20\nio-threads 4\noom-score-adj-values 0 200 800\n");
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.ignored,
              ElementsAre("hz", "rdbcompression", "io-threads", "oom-score-adj-values"));
}

TEST(ConfigReader, WhatWouldBeSilentlyBrokenIsRefusedWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"replicaof 10.0.0.1 6379", "replication"},
      {"slaveof 10.0.0.1 6379", "replication"},
      {"min-replicas-to-write 1", "unguarded"},
      {"min-slaves-to-write 1", "unguarded"},
      {"tls-port 6380", "TLS"},
      {"tls-cert-file x", "TLS"},
      {"aclfile /etc/users.acl", "ACL"},
      {"user alice on", "ACL"},
      {"rename-command CONFIG \"\"", "renamed"},
      {"loadmodule x.so", "modules"},
      {"include other.conf", "include"},
      {"daemonize yes", "foreground"},
      {"notify-keyspace-events Ex", "notifications"},
  };
  for (const auto& [text, reason] : cases) {
    const std::string name(text, std::string_view(text).find(' '));
    EXPECT_THAT(Apply(text).error, StartsWith("c.conf:1: " + name + ": ")) << text;
    EXPECT_THAT(Apply(text).error, HasSubstr(reason)) << text;
  }
}

TEST(ConfigReader, HarmlessValuesOfRefusedOptionsAreAccepted) {
  EXPECT_EQ(Apply("replicaof no one\nslaveof NO ONE\nmin-replicas-to-write 0\ntls-port 0\n"
                  "aclfile \"\"\ndaemonize no\ncluster-enabled no\nnotify-keyspace-events \"\"\n"
                  "maxmemory-policy noeviction\n")
                .error,
            "");
}

TEST(ConfigReader, ALaterSettingTakesARefusalBack) {
  EXPECT_EQ(Apply("daemonize yes\nport 1\ndaemonize no\n").error, "");
  EXPECT_EQ(Apply("tls-port 6380\ntls-port 0\n").error, "");
  EXPECT_THAT(Apply("daemonize yes\ntls-port 6380\ndaemonize no\n").error,
              StartsWith("c.conf:2: tls-port: "));
  EXPECT_THAT(Apply("daemonize no\ndaemonize yes\n").error, StartsWith("c.conf:2: daemonize: "));
}

// The options a distribution's redis.conf sets, without its comments.
TEST(ConfigReader, ADistributionsFileIsAccepted) {
  const Outcome outcome = Apply(R"(
# Shipped with the package.
bind 127.0.0.1 -::1
protected-mode yes
port 6379
tcp-backlog 511
daemonize no
supervised auto
pidfile /run/redis/redis-server.pid
loglevel notice
logfile /var/log/redis/redis-server.log
databases 16
always-show-logo no
set-proc-title yes
proc-title-template "{title} {listen-addr} {server-mode}"
stop-writes-on-bgsave-error yes
rdbchecksum yes
dbfilename dump.rdb
dir /var/lib/redis
replica-read-only yes
repl-diskless-sync-delay 5
lazyfree-lazy-eviction no
oom-score-adj-values 0 200 800
appendonly no
appendfilename "appendonly.aof"
appendfsync everysec
auto-aof-rewrite-min-size 64mb
lua-time-limit 5000
notify-keyspace-events ""
hash-max-listpack-entries 512
list-max-listpack-size -2
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
jemalloc-bg-thread yes
)");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.config.logfile, "/var/log/redis/redis-server.log");
  EXPECT_FALSE(outcome.config.memory_only());
  EXPECT_EQ(outcome.ignored.size(), 17U);
}

}  // namespace
}  // namespace cartwheel::server
