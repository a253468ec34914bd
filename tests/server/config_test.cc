#include "server/config.h"

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config_table.h"

namespace cartwheel::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using Values = std::vector<std::pair<std::string, std::string>>;

Values Get(const Config& config, std::vector<std::string_view> patterns) {
  return GetConfig(config, patterns);
}

std::string GetOne(const Config& config, std::string_view name) {
  const Values values = Get(config, {name});
  return values.size() == 1 ? values[0].second : "(not one value)";
}

// "" or the error reply.
std::string Set(Config& config, std::vector<std::string_view> names_and_values) {
  const auto result = SetConfig(config, names_and_values);
  return result ? "" : result.error();
}

std::string SetFailed(const std::string& name, const std::string& reason) {
  return "ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + reason;
}

// Why one setting fails, without Redis's beginning of the reply.
std::string ReasonAgainst(std::string_view name, std::string_view value) {
  Config config;
  const std::string error = Set(config, {name, value});
  const size_t dash = error.find(" - ");
  return dash == std::string::npos ? error : error.substr(dash + 3);
}

Config Parsed(std::string_view text) {
  Config config;
  std::vector<std::string> ignored;
  const auto result = ApplyConfigText(text, "test.conf", config, ignored);
  EXPECT_TRUE(result.has_value()) << result.error();
  return config;
}

// A value other than the default of every option that has one.
const std::map<std::string_view, std::vector<std::string>> kOtherValues = {
    {"port", {"0", "1", "65535"}},
    {"bind", {"*", "10.0.0.1 -::* host.example", ""}},
    {"unixsocket", {"/tmp/a socket", "x"}},
    {"unixsocketperm", {"700", "777", "1"}},
    {"protected-mode", {"no"}},
    {"tcp-backlog", {"0", "2147483647"}},
    {"tcp-keepalive", {"0", "2147483647"}},
    {"timeout", {"1", "2147483647"}},
    {"maxclients", {"1", "2147483647"}},
    {"requirepass", {"secret", "a \"b' \\", std::string("\0\n\xff#", 4)}},
    {"proto-max-bulk-len", {"1048576", "536870911"}},
    {"client-query-buffer-limit", {"1048576", "9223372036854775807"}},
    {"client-output-buffer-limit", {"normal 1 2 3 slave 4 5 6 pubsub 7 8 9"}},
    {"dir", {"/srv/with space", ".", "grün"}},
    {"databases", {"1", "15"}},
    {"appendonly", {"no"}},
    {"appendfsync", {"always", "no"}},
    {"save", {"900 1", "1 0 2 5", ""}},
    {"checkpoint-log-size", {"1048576", "1073741824"}},
    {"checkpoint-interval", {"0", "2147483647"}},
    {"maxmemory", {"0", "1", "18446744073709551615"}},
    {"maxstorage", {"1", "18446744073709551615"}},
    {"maxmemory-policy",
     {"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru",
      "allkeys-lfu", "allkeys-random"}},
    {"maxmemory-samples", {"1", "64"}},
    {"lfu-log-factor", {"0", "2147483647"}},
    {"lfu-decay-time", {"0", "2147483647"}},
    {"maxstorage-policy", {"volatile-ttl", "allkeys-random"}},
    {"cluster-nodes", {"1=a:1", "7=[::1]:7000 3=node-3.example:65535"}},
    {"cluster-enabled", {"yes"}},
    {"cluster-join", {"a:1", "[::1]:7000 node-3.example:65535"}},
    {"cluster-port", {"1", "65535"}},
    {"cluster-zone", {"rack-1"}},
    {"cluster-weight", {"1", "10000"}},
    {"cluster-auto-commit", {"yes", "no"}},
    {"cluster-move-bandwidth", {"1", "1000000", "9223372036854775807"}},
    {"cluster-repair-interval", {"0", "60", "31536000"}},
    {"cluster-scrub-interval", {"0", "60", "31536000"}},
    {"cluster-repair-bandwidth", {"1", "1000000", "9223372036854775807"}},
    {"cluster-self", {"1", "9223372036854775807"}},
    {"cluster-name", {"", "a name"}},
    {"cluster-bind", {"*", "10.0.0.1"}},
    {"cluster-announce-ip", {"db1.example", "10.0.0.1"}},
    {"cluster-announce-port", {"1", "65535"}},
    {"cluster-announce-bus-ip", {"db1.example", "10.0.0.1"}},
    {"cluster-announce-bus-port", {"1", "65535"}},
    {"cluster-outside-port", {"1", "65535"}},
    {"cluster-outside-ip", {"db1.example", "10.0.0.1"}},
    {"cluster-redirect", {"yes"}},
    {"cluster-link-sendbuf-limit", {"67108864", "9223372036854775807"}},
    {"dyn-n", {"1", "7"}},
    {"dyn-r", {"1", "7"}},
    {"dyn-w", {"1", "7"}},
    {"dyn-rpc-timeout", {"1", "3600000"}},
    {"dyn-deadline", {"1", "3600000"}},
    {"cluster-secret", {"a long and random text"}},
    {"dyn-conflicts-max-len", {"0", "9223372036854775807"}},
    {"logfile", {"/var/log/x.log"}},
    {"loglevel", {"debug", "verbose", "warning"}},
    {"slowlog-log-slower-than", {"-1", "0", "9223372036854775807"}},
    {"slowlog-max-len", {"0", "9223372036854775807"}},
    {"latency-monitor-threshold", {"1", "9223372036854775807"}},
    {"latency-tracking", {"no"}},
    {"latency-tracking-info-percentiles", {"", "0 100", "0.001 99.99"}},
    {"pidfile", {"/run/x.pid"}},
};

TEST(Config, EveryOptionRoundTripsThroughText) {
  for (const Option& option : Options()) {
    if (std::holds_alternative<FixedField>(option.field)) continue;
    const auto values = kOtherValues.find(option.name);
    ASSERT_NE(values, kOtherValues.end()) << option.name;
    for (const std::string& value : values->second) {
      Config config;
      ASSERT_TRUE(ParseField(option.field, value, config).has_value()) << option.name;
      EXPECT_EQ(GetOne(config, option.name), value);
      const std::string text = RewriteConfigText("", config);
      EXPECT_THAT(text, HasSubstr(std::string(option.name))) << value;
      EXPECT_EQ(Get(Parsed(text), {"*"}), Get(config, {"*"})) << text;
    }
  }
}

TEST(Config, DefaultsNeedNoText) {
  EXPECT_EQ(RewriteConfigText("", Config{}), "");
}

TEST(Config, BoundsAreRedissOwnWords) {
  const std::map<std::string_view, std::pair<std::vector<std::string>, std::string>> cases = {
      {"tcp-keepalive", {{"-1", "2147483648"}, "between 0 and 2147483647"}},
      {"timeout", {{"-1", "2147483648"}, "between 0 and 2147483647"}},
      {"maxclients", {{"0", "2147483648"}, "between 1 and 2147483647"}},
      {"slowlog-log-slower-than", {{"-2"}, "between -1 and 9223372036854775807"}},
      {"slowlog-max-len", {{"-1"}, "between 0 and 9223372036854775807"}},
      {"latency-monitor-threshold", {{"-1"}, "between 0 and 9223372036854775807"}},
      {"proto-max-bulk-len", {{"1048575", "536870913"}, "between 1048576 and 536870912"}},
      {"checkpoint-interval", {{"-1", "2147483648"}, "between 0 and 2147483647"}},
      {"checkpoint-log-size",
       {{"1048575", "9223372036854775808"}, "between 1048576 and 9223372036854775807"}},
      {"client-query-buffer-limit",
       {{"1048575", "9223372036854775808"}, "between 1048576 and 9223372036854775807"}},
  };
  for (const auto& [name, bounds] : cases) {
    for (const std::string& value : bounds.first) {
      EXPECT_EQ(ReasonAgainst(name, value), "argument must be " + bounds.second + " inclusive");
    }
  }
}

TEST(Config, IllFormedValuesGetRedissWords) {
  EXPECT_EQ(ReasonAgainst("timeout", "x"), "argument couldn't be parsed into an integer");
  EXPECT_EQ(ReasonAgainst("timeout", "01"), "argument couldn't be parsed into an integer");
  EXPECT_EQ(ReasonAgainst("timeout", ""), "argument couldn't be parsed into an integer");
  EXPECT_EQ(ReasonAgainst("maxmemory", "1kib"), "argument must be a memory value");
  EXPECT_EQ(ReasonAgainst("maxmemory", "-1"), "argument must be a memory value");
  EXPECT_EQ(ReasonAgainst("maxmemory", "18446744073709551615k"), "argument must be a memory value");
  EXPECT_EQ(ReasonAgainst("appendonly", "maybe"), "argument must be 'yes' or 'no'");
  EXPECT_EQ(ReasonAgainst("latency-tracking", ""), "argument must be 'yes' or 'no'");
  EXPECT_EQ(ReasonAgainst("loglevel", "loud"),
            "argument(s) must be one of the following: debug, verbose, notice, warning");
  EXPECT_EQ(ReasonAgainst("appendfsync", "maybe"),
            "argument(s) must be one of the following: everysec, always, no");
  EXPECT_EQ(ReasonAgainst("maxmemory-policy", "oldest"),
            "argument(s) must be one of the following: volatile-lru, volatile-lfu, "
            "volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction");
  for (const char* save : {"1", "0 1", "1 -1", "x 1", "1 1 1"}) {
    EXPECT_EQ(ReasonAgainst("save", save), "Invalid save parameters") << save;
  }
}

TEST(Config, OutputLimitsAndPercentilesAreCheckedAsInRedis) {
  constexpr const char* kLimit = "client-output-buffer-limit";
  for (const char* words : {"normal", "normal 0 0", "normal 0 0 0 0"}) {
    EXPECT_EQ(ReasonAgainst(kLimit, words),
              "Wrong number of arguments in buffer limit configuration.");
  }
  EXPECT_EQ(ReasonAgainst(kLimit, "other 0 0 0"),
            "Invalid client class specified in buffer limit configuration.");
  for (const char* words : {"normal x 0 0", "normal 0 x 0", "normal 0 0 -1", "normal 0 0 x"}) {
    EXPECT_EQ(ReasonAgainst(kLimit, words),
              "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
  }
  constexpr const char* kPercentiles = "latency-tracking-info-percentiles";
  EXPECT_EQ(ReasonAgainst(kPercentiles, "50 x"),
            std::string("Invalid ") + kPercentiles + " parameters");
  for (const char* number : {"-0.1", "100.1", "nan", "inf"}) {
    EXPECT_EQ(ReasonAgainst(kPercentiles, number),
              std::string(kPercentiles) + " parameters should sit between [0.0,100.0]");
  }
}

TEST(Config, MemorySizesTakeRedissUnitsInAnyCase) {
  const std::map<std::string, std::string> cases = {
      {"7", "7"},           {"7b", "7"},          {"7k", "7000"},    {"7K", "7000"},
      {"7kb", "7168"},      {"7Kb", "7168"},      {"7m", "7000000"}, {"7MB", "7340032"},
      {"7g", "7000000000"}, {"7gB", "7516192768"}};
  for (const auto& [text, bytes] : cases) {
    Config config;
    EXPECT_EQ(Set(config, {"maxmemory", text}), "");
    EXPECT_EQ(GetOne(config, "maxmemory"), bytes) << text;
  }
}

TEST(Config, GetMatchesGlobsInTableOrderAndOnce) {
  EXPECT_THAT(Get({}, {"slowlog-*", "tcp-keep*", "*log-max-len"}),
              ElementsAre(Pair("tcp-keepalive", "300"), Pair("slowlog-log-slower-than", "10000"),
                          Pair("slowlog-max-len", "128")));
  EXPECT_THAT(Get({}, {"DATA*"}), ElementsAre(Pair("databases", "16")));
  EXPECT_THAT(Get({}, {"nosuch"}), IsEmpty());
  EXPECT_THAT(Get({}, {}), IsEmpty());
  EXPECT_EQ(Get({}, {"*"}).size(), Options().size());
}

TEST(Config, GetOfAPlainNameKeepsTheClientsSpelling) {
  EXPECT_THAT(Get({}, {"SAVE"}), ElementsAre(Pair("SAVE", "3600 1 300 100 60 10000")));
}

TEST(Config, GetAnswersWhatClientsAskOfEveryServer) {
  EXPECT_THAT(
      Get({}, {"replica-read-only", "io-threads", "cluster-enabled", "appendonly",
               "notify-keyspace-events", "client-output-buffer-limit"}),
      ElementsAre(Pair("client-output-buffer-limit",
                       "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
                  Pair("appendonly", "yes"), Pair("cluster-enabled", "no"),
                  Pair("notify-keyspace-events", ""), Pair("io-threads", "1"),
                  Pair("replica-read-only", "yes")));
}

TEST(Config, SetChangesAllOrNone) {
  Config config;
  EXPECT_EQ(Set(config, {"timeout", "5", "loglevel", "debug"}), "");
  EXPECT_EQ(config.timeout, 5);
  EXPECT_EQ(config.loglevel, LogLevel::kDebug);
  EXPECT_EQ(Set(config, {"timeout", "6", "loglevel", "loud", "maxclients", "1"}),
            SetFailed("loglevel",
                      "argument(s) must be one of the following: debug, verbose, notice, warning"));
  EXPECT_EQ(config.timeout, 5);
  EXPECT_EQ(config.maxclients, 10000);
}

TEST(Config, SetNamesTheArgumentAsTheClientWroteItUnlessItsValueIsWrong) {
  Config config;
  EXPECT_EQ(Set(config, {"timeout", "1", "NoSuch", "2", "other", "3"}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'NoSuch'");
  EXPECT_EQ(Set(config, {"TimeOut", "x"}),
            SetFailed("timeout", "argument couldn't be parsed into an integer"));
  EXPECT_EQ(Set(config, {"timeout", "1", "TIMEOUT", "2"}),
            SetFailed("TIMEOUT", "duplicate parameter"));
  EXPECT_EQ(Set(config, {"timeout", "1", "port"}), "ERR syntax error");
}

TEST(Config, SetRefusesWhatIsFixedAtStart) {
  for (const char* name :
       {"port", "bind", "unixsocket", "unixsocketperm", "tcp-backlog", "dir", "databases",
        "logfile", "pidfile", "daemonize", "cluster-enabled", "io-threads"}) {
    EXPECT_EQ(ReasonAgainst(name, "1"), "can't set immutable config") << name;
  }
}

TEST(Config, SetRefusesWhatWouldBeSilentlyBroken) {
  EXPECT_EQ(ReasonAgainst("notify-keyspace-events", "KEA"),
            "keyspace notifications are not there yet");
  EXPECT_EQ(ReasonAgainst("notify-keyspace-events", ""), "");
  EXPECT_EQ(ReasonAgainst("replica-read-only", "no"), "it is always 'yes' here");
}

TEST(Config, ThePolicyOfEvictionHasTwoNames) {
  Config config;
  EXPECT_EQ(Set(config, {"maxmemory-policy", "ALLKEYS-LRU"}), "");
  EXPECT_EQ(GetOne(config, "maxstorage-policy"), "allkeys-lru");
  EXPECT_EQ(Set(config, {"maxstorage-policy", "volatile-ttl"}), "");
  EXPECT_EQ(GetOne(config, "maxmemory-policy"), "volatile-ttl");
  EXPECT_EQ(Parsed("maxmemory-policy allkeys-lfu\n").eviction_policy, EvictionPolicy::kAllKeysLfu);
}

// The documentation says what 0 and small sizes mean; here is where it becomes true.
TEST(Config, TheStorageEngineIsToldWhatTheOptionsMean) {
  using storage::Durability;
  const storage::Settings defaults = StorageSettings(Config{});
  EXPECT_EQ(defaults.durability, Durability::kEverySecond);
  EXPECT_EQ(defaults.memory_bytes, 1ULL << 30);
  EXPECT_EQ(defaults.checkpoint_log_bytes, 256ULL << 20);
  EXPECT_EQ(defaults.checkpoint_interval_ms, 900'000);
  EXPECT_EQ(defaults.storage_bytes, 0U);
  const storage::Settings settings =
      StorageSettings(Parsed("appendfsync always\nmaxmemory 0\ncheckpoint-log-size 1mb\n"
                             "checkpoint-interval 5\nmaxstorage 3gb\n"));
  EXPECT_EQ(settings.durability, Durability::kAlways);
  EXPECT_EQ(settings.memory_bytes, 0U);
  EXPECT_EQ(settings.checkpoint_log_bytes, 1ULL << 20);
  EXPECT_EQ(settings.checkpoint_interval_ms, 5'000);
  EXPECT_EQ(settings.storage_bytes, 3ULL << 30);
  EXPECT_EQ(StorageSettings(Parsed("maxmemory 1\n")).memory_bytes, 8ULL << 20);
  EXPECT_EQ(StorageSettings(Parsed("appendfsync no\n")).durability, Durability::kNo);
}

TEST(Config, TheDefaultOfMaxmemoryDependsOnWhereDataLive) {
  EXPECT_EQ(GetOne(Parsed(""), "maxmemory"), "1073741824");
  EXPECT_EQ(GetOne(Parsed("save \"\"\n"), "maxmemory"), "0");
  EXPECT_EQ(GetOne(Parsed("save \"\"\nmaxmemory 5mb\n"), "maxmemory"), "5242880");
  // Neither default is written into the file, where it would outlive a change of `save`.
  EXPECT_EQ(RewriteConfigText("save \"\"\n", Parsed("save \"\"\n")), "save \"\"\n");
}

TEST(Config, WithoutAnyConfigurationDataAreDurable) {
  EXPECT_FALSE(Config{}.memory_only());
  EXPECT_FALSE(Parsed("appendonly no\n").memory_only());
}

TEST(Config, OnlySaveEmptyWithoutAppendonlyYesKeepsDataInMemory) {
  EXPECT_TRUE(Parsed("save \"\"\n").memory_only());
  EXPECT_TRUE(Parsed("save \"\"\nappendonly no\n").memory_only());
  EXPECT_FALSE(Parsed("save \"\"\nappendonly yes\n").memory_only());
  EXPECT_EQ(GetOne(Parsed("save \"\"\n"), "appendonly"), "no");
}

TEST(Config, SetCannotMoveDataBetweenDiskAndMemory) {
  constexpr const char* kReason = "whether data are kept on disk is decided when the server starts";
  Config durable;
  EXPECT_EQ(Set(durable, {"timeout", "1", "save", ""}), SetFailed("save", kReason));
  EXPECT_EQ(Set(durable, {"appendonly", "yes", "save", ""}), "");
  EXPECT_EQ(Set(durable, {"appendonly", "no"}), SetFailed("appendonly", kReason));
  Config memory_only = Parsed("save \"\"\n");
  EXPECT_EQ(Set(memory_only, {"appendonly", "yes"}), SetFailed("appendonly", kReason));
  EXPECT_EQ(Set(memory_only, {"save", "900 1"}), SetFailed("save", kReason));
}

TEST(Config, RewriteKeepsWhereDataLive) {
  Config config;
  ASSERT_EQ(Set(config, {"appendonly", "yes", "save", ""}), "");
  EXPECT_FALSE(Parsed(RewriteConfigText("", config)).memory_only());
  EXPECT_FALSE(Parsed(RewriteConfigText("save \"\"\n", config)).memory_only());
  const Config memory_only = Parsed("save \"\"\n");
  EXPECT_TRUE(Parsed(RewriteConfigText("", memory_only)).memory_only());
  EXPECT_TRUE(Parsed(RewriteConfigText("appendonly yes\n", memory_only)).memory_only());
}

TEST(Config, RewriteReplacesChangedOptionsInPlaceAndKeepsTheRest) {
  Config config = Parsed("port 7000\ntimeout 5\nhz 10\n");
  config.timeout = 9;
  config.requirepass = "a b";
  EXPECT_EQ(RewriteConfigText("# mine\r\n  PORT   7000\n\ntimeout 5 \nhz 10\n#timeout 3", config),
            "# mine\r\n  PORT   7000\n\ntimeout 9\nhz 10\n#timeout 3\n"
            "# Added by CONFIG REWRITE\nrequirepass \"a b\"\n");
}

TEST(Config, RewriteAddsItsMarkOnce) {
  Config config;
  config.timeout = 1;
  const std::string once = RewriteConfigText("port 6379\n", config);
  config.maxclients = 7;
  EXPECT_EQ(RewriteConfigText(once, config),
            "port 6379\n# Added by CONFIG REWRITE\ntimeout 1\nmaxclients 7\n");
}

TEST(Config, RewriteOfAnUnchangedFileChangesNothing) {
  const std::string text =
      "save 900 1\n# and\nsave 300 10\nbind  *\nclient-output-buffer-limit "
      "normal 1mb 0 0\nmaxmemory 1gb\nmaxmemory 2gb\n";
  EXPECT_EQ(RewriteConfigText(text, Parsed(text)), text);
}

TEST(Config, RewritePutsTheLinesOfAnOptionWhereTheFirstWas) {
  Config config;
  config.save = "60 1 30 2";
  EXPECT_EQ(RewriteConfigText("save 900 1\nport 6379\nsave 300 10\n", config),
            "save 60 1\nsave 30 2\nport 6379\n");
  config.save = Config{}.save;
  EXPECT_EQ(RewriteConfigText("timeout 3\nsave 900 1\n", config),
            "timeout 0\nsave 3600 1\nsave 300 100\nsave 60 10000\n");
}

TEST(Config, RewriteRepairsIllFormedLinesOfKnownOptions) {
  EXPECT_EQ(RewriteConfigText("timeout x\nnosuch 1\nport \"1\nsave 1\n", Config{}),
            "timeout 0\nnosuch 1\nport \"1\nsave 3600 1\nsave 300 100\nsave 60 10000\n");
}

TEST(Config, DocumentationNamesEveryOption) {
  const std::string markdown = ConfigMarkdown();
  for (const Option& option : Options()) {
    EXPECT_THAT(markdown, HasSubstr("| `" + std::string(option.name) + "` |"));
  }
  for (const RefusedOption& option : RefusedOptions()) {
    EXPECT_THAT(markdown, HasSubstr("| `" + std::string(option.name) + "` |"));
  }
  for (const std::string_view name : IgnoredOptions()) {
    EXPECT_THAT(markdown, HasSubstr("`" + std::string(name) + "`"));
  }
  EXPECT_THAT(HelpText(), HasSubstr("--maxmemory 1073741824\n"));
}

}  // namespace
}  // namespace cartwheel::server
