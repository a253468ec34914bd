#include "server/info.h"

#include <gmock/gmock.h>

#include "server/info_text.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string InfoOf(ServerTester& redis, std::string_view sections = "") {
  return redis.Send("info", "INFO " + std::string(sections)).text;
}

std::vector<std::string> Titles(const std::string& info) {
  std::vector<std::string> titles;
  for (size_t at = info.find("# "); at != std::string::npos; at = info.find("# ", at + 1)) {
    titles.push_back(info.substr(at + 2, info.find("\r\n", at) - at - 2));
  }
  return titles;
}

TEST(Info, DefaultHasRedisSectionsInOrder) {
  ServerTester redis;
  const auto expected =
      ElementsAre("Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU",
                  "Modules", "Errorstats", "Cluster", "Keyspace", "Storage", "Dynamo");
  EXPECT_THAT(Titles(InfoOf(redis)), expected);
  EXPECT_THAT(Titles(InfoOf(redis, "default")), expected);
}

TEST(Info, EverythingAddsStatisticsOfCommands) {
  ServerTester redis;
  const auto expected = ElementsAre("Server", "Clients", "Memory", "Persistence", "Stats",
                                    "Replication", "CPU", "Modules", "Commandstats", "Errorstats",
                                    "Latencystats", "Cluster", "Keyspace", "Storage", "Dynamo");
  EXPECT_THAT(Titles(InfoOf(redis, "everything")), expected);
  EXPECT_THAT(Titles(InfoOf(redis, "ALL foo")), expected);
}

TEST(Info, SectionsComeInOrderOnce) {
  ServerTester redis;
  EXPECT_THAT(Titles(InfoOf(redis, "keyspace CLUSTER server cluster")),
              ElementsAre("Server", "Cluster", "Keyspace"));
  EXPECT_EQ(InfoOf(redis, "foo"), "");
  EXPECT_EQ(InfoOf(redis, "cluster modules"),
            "# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n");
}

TEST(Info, IsAVerbatimStringInResp3) {
  ServerTester redis;
  redis.Send("info", "HELLO 3");
  EXPECT_EQ(redis.Send("info", "INFO server").type, resp::Reply::Type::kVerbatim);
}

TEST(Info, EveryLineIsANameAndAValue) {
  ServerTester redis;
  redis.Run("a", "SET k v");
  redis.Run("a", "NOPE");
  const std::string text = redis.Send("info", "INFO everything").text;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = rest.find("\r\n");
    ASSERT_NE(end, std::string_view::npos);
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    if (line.empty() || line.starts_with("# ")) continue;
    EXPECT_THAT(std::string(line), ::testing::ContainsRegex("^[a-zA-Z0-9_|-]+:"));
  }
}

TEST(Info, ServerTellsWhatRuns) {
  ServerTester redis;
  redis.Advance(90'000'000'000);
  EXPECT_THAT(
      InfoOf(redis, "server"),
      AllOf(StartsWith("# Server\r\nredis_version:7.0.15\r\ncartwheel_version:"),
            HasSubstr("\r\nredis_mode:standalone\r\n"), HasSubstr("\r\nprocess_id:4711\r\n"),
            HasSubstr("\r\nrun_id:" + std::string(40, 'a') + "\r\n"),
            HasSubstr("\r\ntcp_port:6379\r\n"), HasSubstr("\r\nuptime_in_seconds:90000\r\n"),
            HasSubstr("\r\nuptime_in_days:1\r\n"),
            HasSubstr("\r\nserver_time_usec:1700090000000000\r\n"),
            HasSubstr("\r\nexecutable:/usr/bin/cartwheel-server\r\n")));
}

TEST(Info, ClientsCountsSessions) {
  ServerTester redis;
  redis.session("a");
  redis.Exchange("b", "WAIT 1 0\r\n");
  redis.Exchange("c", "WAIT 1 1000000\r\n");
  EXPECT_THAT(
      InfoOf(redis, "clients"),
      AllOf(HasSubstr("connected_clients:4\r\n"), HasSubstr("maxclients:10000\r\n"),
            HasSubstr("blocked_clients:2\r\n"), HasSubstr("clients_in_timeout_table:1\r\n")));
}

TEST(Info, StatsCountWhatHappened) {
  ServerTester redis;
  redis.Run("a", "SET k v");
  redis.Run("a", "GET k");
  redis.Run("a", "GET absent");
  redis.Run("a", "INCR k");
  redis.Run("a", "NOPE");
  redis.Exchange("b", "SUBSCRIBE x y\r\nPSUBSCRIBE z*\r\nSSUBSCRIBE s\r\n");
  const std::string stats = InfoOf(redis, "stats errorstats");
  EXPECT_THAT(
      stats,
      AllOf(HasSubstr("total_connections_received:3\r\n"),
            HasSubstr("total_commands_processed:7\r\n"), HasSubstr("total_error_replies:2\r\n"),
            HasSubstr("errorstat_ERR:count=2\r\n"), HasSubstr("pubsub_channels:2\r\n"),
            HasSubstr("pubsub_patterns:1\r\n"), HasSubstr("pubsubshard_channels:1\r\n")));
  EXPECT_THAT(stats, AllOf(HasSubstr("keyspace_hits:"), HasSubstr("keyspace_misses:1\r\n")));
}

TEST(Info, CommandStatsCountCallsRefusalsAndFailures) {
  ServerTester redis;
  ServerTester::command_takes_us = 40;
  redis.Run("a", "SET k v");
  redis.Run("a", "SET k w");
  redis.Run("a", "INCR k");
  redis.Run("a", "INCR");
  redis.Run("a", "CLIENT ID");
  EXPECT_THAT(InfoOf(redis, "commandstats"),
              AllOf(HasSubstr("cmdstat_set:calls=2,usec=80,usec_per_call=40.00,rejected_calls=0,"
                              "failed_calls=0\r\n"),
                    HasSubstr("cmdstat_incr:calls=1,usec=40,usec_per_call=40.00,rejected_calls=1,"
                              "failed_calls=1\r\n"),
                    HasSubstr("cmdstat_client|id:calls=1,"), Not(HasSubstr("cmdstat_get:"))));
  EXPECT_THAT(InfoOf(redis, "latencystats"),
              HasSubstr("latency_percentiles_usec_set:p50=41.000,p99=41.000,p99.9=41.000\r\n"));
}

TEST(Info, KeyspaceListsDatabasesWithKeys) {
  ServerTester redis;
  EXPECT_EQ(InfoOf(redis, "keyspace"), "# Keyspace\r\n");
  redis.Run("a", "SET k v");
  redis.Run("a", "SET l v EX 100");
  redis.Run("a", "SELECT 7");
  redis.Run("a", "SET k v");
  EXPECT_EQ(InfoOf(redis, "keyspace"),
            "# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=0\r\ndb7:keys=1,expires=0,avg_ttl=0\r\n");
}

TEST(Info, PersistenceTellsOfAFailedCommit) {
  ServerTester redis;
  redis.engine().FailCommits(storage::Error::Kind::kNoSpace);
  EXPECT_THAT(redis.Run("a", "SET k v"), StartsWith("(error) MISCONF "));
  EXPECT_THAT(InfoOf(redis, "persistence"), HasSubstr("aof_last_write_status:err\r\n"));
  EXPECT_THAT(InfoOf(redis, "storage"),
              AllOf(HasSubstr("engine:memory\r\n"), HasSubstr("commit_failures:1\r\n"),
                    Not(HasSubstr("last_commit_error:\r\n"))));
  EXPECT_EQ(redis.Run("a", "SET k v"), "OK");
  EXPECT_THAT(InfoOf(redis, "persistence"), HasSubstr("aof_last_write_status:ok\r\n"));
}

TEST(Info, PersistenceShowsTheLogAndTheFlushes) {
  ServerTester redis{Config{}};
  storage::Persistence& state = redis.engine().state;
  state.log_bytes = 1111;
  redis.Advance(200'000);
  state.log_bytes = 5000;
  state.unsynced_bytes = 70;
  state.dirty_bytes = 900;
  state.dirty_keys = 8;
  state.changes_since_flush = 12;
  state.flush_running = true;
  state.sync_running = true;
  state.last_flush_unix_ms = 1'700'000'000'000;
  state.syncs = 4;
  state.delayed_writes = 2;
  state.replay_us = 7'000;
  state.replayed_batches = 3;
  state.replayed_bytes = 99;
  state.torn_bytes = 17;
  redis.engine().flushes_take_long = true;
  redis.Advance(2'300'000);
  const std::string info = InfoOf(redis, "persistence");
  for (const std::string_view line : {"rdb_changes_since_last_save:12",
                                      "rdb_bgsave_in_progress:1",
                                      "rdb_last_save_time:1700000000",
                                      "rdb_last_bgsave_status:ok",
                                      "rdb_last_bgsave_time_sec:-1",
                                      "rdb_current_bgsave_time_sec:2",
                                      "aof_enabled:1",
                                      "aof_rewrite_in_progress:1",
                                      "aof_current_size:5000",
                                      "aof_base_size:1111",
                                      "aof_pending_bio_fsync:1",
                                      "aof_delayed_fsync:2",
                                      "log_bytes:5000",
                                      "log_unsynced_bytes:70",
                                      "log_syncs:4",
                                      "dirty_bytes:900",
                                      "dirty_keys:8",
                                      "replay_ms:7",
                                      "replay_batches:3",
                                      "replay_bytes:99",
                                      "log_torn_bytes:17",
                                      "log_damaged_bytes:0",
                                      "writes_waiting:0",
                                      "last_flush_error:"}) {
    EXPECT_THAT(info, HasSubstr("\r\n" + std::string(line) + "\r\n"));
  }
}

TEST(Info, PersistenceShowsWhatAFlushCameTo) {
  ServerTester redis{Config{}};
  storage::Persistence& state = redis.engine().state;
  state.flushes = 1;
  state.last_flush_entries = 42;
  state.last_flush_us = 3'400'000;
  EXPECT_THAT(InfoOf(redis, "persistence"),
              AllOf(HasSubstr("rdb_saves:1\r\n"), HasSubstr("rdb_last_bgsave_time_sec:3\r\n"),
                    HasSubstr("last_flush_entries:42\r\n"), HasSubstr("last_flush_ms:3400\r\n")));
  state.last_flush_error = "data.mdb: no room";
  state.failed_flushes = 2;
  state.sync_errors = 1;
  EXPECT_THAT(InfoOf(redis, "persistence"),
              AllOf(HasSubstr("rdb_last_bgsave_status:err\r\n"),
                    HasSubstr("aof_last_bgrewrite_status:err\r\n"),
                    HasSubstr("aof_rewrites_consecutive_failures:2\r\n"),
                    HasSubstr("aof_last_write_status:err\r\n"),
                    HasSubstr("last_flush_error:data.mdb: no room\r\n")));
}

TEST(Info, DataInMemoryOnlyHaveNoLog) {
  ServerTester redis;
  EXPECT_THAT(InfoOf(redis, "persistence"),
              AllOf(HasSubstr("aof_enabled:0\r\n"), Not(HasSubstr("log_bytes")),
                    Not(HasSubstr("aof_current_size"))));
}

TEST(Info, MemoryIsMeasured) {
  ServerTester redis;
  const std::string memory = InfoOf(redis, "memory");
  EXPECT_THAT(memory,
              AllOf(Not(HasSubstr("used_memory:0\r\n")), Not(HasSubstr("used_memory_rss:0\r\n")),
                    Not(HasSubstr("total_system_memory:0\r\n")),
                    HasSubstr("maxmemory:0\r\nmaxmemory_human:0B\r\n"
                              "maxmemory_policy:noeviction\r\n")));
}

TEST(InfoText, FormatsBytesForPeople) {
  EXPECT_EQ(FormatBytes(0), "0B");
  EXPECT_EQ(FormatBytes(1023), "1023B");
  EXPECT_EQ(FormatBytes(1024), "1.00K");
  EXPECT_EQ(FormatBytes(916296), "894.82K");
  EXPECT_EQ(FormatBytes(25276514304), "23.54G");
  EXPECT_EQ(FormatBytes(uint64_t{5} << 40), "5.00T");
}

TEST(InfoText, AValueCannotStartALine) {
  InfoText text;
  text.Add("error", "first\r\nrole:slave");
  EXPECT_EQ(text.Take(), "error:first  role:slave\r\n");
}

}  // namespace
}  // namespace cartwheel::server
