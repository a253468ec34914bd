// What a restart finds: every acknowledged change, whatever ended the process, and nothing else.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;

TEST(Restart, KeepsTimesToLive) {
  ServerProcess server;
  Client before(server.port());
  ASSERT_EQ(before.Call({"SET", "short", "value", "PX", "50"}), "OK");
  ASSERT_EQ(before.Call({"SET", "long", "value", "EX", "1000"}), "OK");
  ASSERT_EQ(before.Call({"SET", "always", "value"}), "OK");
  const std::string at = before.Call({"PEXPIRETIME", "long"});
  server.Kill();
  server.Start();
  Client after(server.port());
  EXPECT_EQ(after.Call({"PEXPIRETIME", "long"}), at);
  EXPECT_EQ(after.Call({"TTL", "always"}), "-1");
  EXPECT_TRUE(Eventually([&] { return after.Call({"DBSIZE"}) == "2"; }));
  EXPECT_EQ(after.Call({"GET", "short"}), "(nil)");
}

TEST(Restart, KeepsDatabasesTypesAndBytes) {
  ServerProcess server;
  Client before(server.port());
  const std::string binary("\0\r\n\xff", 4);
  ASSERT_EQ(before.Call({"SET", binary, binary}), "OK");
  ASSERT_EQ(before.Call({"SELECT", "15"}), "OK");
  ASSERT_EQ(before.Call({"INCRBY", "counter", "41"}), "41");
  server.Kill();
  server.Start();
  EXPECT_THAT(server.log(), HasSubstr(", 2 keys"));
  Client after(server.port());
  EXPECT_EQ(after.Call({"GET", binary}), binary);
  ASSERT_EQ(after.Call({"SELECT", "15"}), "OK");
  EXPECT_EQ(after.Call({"INCR", "counter"}), "42");
}

TEST(Restart, KeepsWhatFlushAllAndDeletesRemovedAway) {
  ServerProcess server;
  Client before(server.port());
  for (int i = 0; i < 1000; ++i) before.Append({"SET", "key" + std::to_string(i), "value"});
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(before.Read(), "OK");
  ASSERT_EQ(before.Call({"FLUSHALL"}), "OK");
  ASSERT_EQ(before.Call({"MSET", "stays", "1", "goes", "2"}), "OK");
  ASSERT_EQ(before.Call({"DEL", "goes"}), "1");
  server.Kill();
  server.Start();
  EXPECT_EQ(Client(server.port()).Call({"KEYS", "*"}), "[stays]");
}

// A client may bring what it read days ago, to this node or, with a shared secret, to another one.
TEST(Restart, ContextsOutliveIt) {
  ServerProcess server;
  Client before(server.port());
  const std::string reply = before.Call({"DYN.SET", "cart", "milk"});
  ASSERT_THAT(reply, testing::StartsWith("[OK, "));
  const std::string context = reply.substr(5, reply.size() - 6);
  server.Kill();
  server.Start();
  Client after(server.port());
  EXPECT_THAT(after.Call({"DYN.SET", "cart", "bread", "CONTEXT", context}),
              testing::StartsWith("[OK, "));
  EXPECT_THAT(after.Call({"DYN.GET", "cart"}), testing::EndsWith(", [bread]]"));
  ServerProcess other;
  EXPECT_THAT(Client(other.port()).Call({"DYN.SET", "cart", "bread", "CONTEXT", context}),
              HasSubstr("BADCTX"));
}

TEST(Restart, WithoutSaveNothingIsKeptAndItSaysSo) {
  ServerProcess server({"--save", ""});
  EXPECT_THAT(server.log(), HasSubstr("data live in memory only (save \"\")"));
  EXPECT_EQ(Client(server.port()).Call({"SET", "key", "value"}), "OK");
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  server.Start();
  EXPECT_EQ(Client(server.port()).Call({"DBSIZE"}), "0");
}

TEST(Restart, ConfigRewriteKeepsAChange) {
  const TemporaryDirectory directory;
  const std::string file = directory / "server.conf";
  WriteWhole(file, "# ours\ntimeout 77\n");
  ServerProcess server({file});
  Client before(server.port());
  ASSERT_EQ(before.Call({"CONFIG", "SET", "timeout", "99", "slowlog-max-len", "7"}), "OK");
  ASSERT_EQ(before.Call({"CONFIG", "REWRITE"}), "OK");
  EXPECT_THAT(ReadWhole(file), HasSubstr("# ours\ntimeout 99\n"));
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  server.Start();
  Client after(server.port());
  EXPECT_EQ(after.Call({"CONFIG", "GET", "timeout"}), "[timeout, 99]");
  EXPECT_EQ(after.Call({"CONFIG", "GET", "slowlog-max-len"}), "[slowlog-max-len, 7]");
}

}  // namespace
}  // namespace cartwheel
