// How a server stops: it answers what it read, keeps it, and leaves nothing behind.
#include <chrono>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;

class StopBySignal : public testing::TestWithParam<int> {};

TEST_P(StopBySignal, KeepsWhatItAnsweredEndsWithZeroAndFreesThePort) {
  ServerProcess server;
  Client client(server.port());
  EXPECT_EQ(client.Call({"SET", "key", "value"}), "OK");
  EXPECT_EQ(server.Stop(GetParam()), 0);
  EXPECT_THAT(server.log(), HasSubstr(GetParam() == SIGINT ? "SIGINT" : "SIGTERM"));
  EXPECT_EQ(client.Call({"PING"}), "(closed)");
  server.Start();
  EXPECT_EQ(Client(server.port()).Call({"GET", "key"}), "value");
}

INSTANTIATE_TEST_SUITE_P(Signals, StopBySignal, testing::Values(SIGTERM, SIGINT),
                         [](const auto& info) {
                           return info.param == SIGINT ? "Sigint" : "Sigterm";
                         });

TEST(Stop, APipelineIsAnsweredUpToSomeRequestAndKeptExactlySoFar) {
  ServerProcess server;
  BareSocket socket(server.port());
  std::string pipeline;
  for (int i = 0; i < 20'000; ++i) pipeline += Encode({"SET", "key" + std::to_string(i), "value"});
  ASSERT_TRUE(socket.Send(Encode({"PING"})));
  ASSERT_EQ(socket.Read(7), "+PONG\r\n");
  socket.SendSome(pipeline);
  server.run().Signal(SIGTERM);
  const size_t answered = socket.ReadAll().size() / 5;
  EXPECT_EQ(server.run().Wait(), 0);
  server.Start();
  Client client(server.port());
  // Replies can be lost on the way when the connection ends; stored writes cannot.
  EXPECT_GE(std::stoul(client.Call({"DBSIZE"})), answered);
  if (answered > 0) {
    EXPECT_EQ(client.Call({"GET", "key" + std::to_string(answered - 1)}), "value");
  }
}

TEST(Stop, AClientThatDoesNotReadIsNotWaitedForLong) {
  ServerProcess server;
  Client client(server.port());
  ASSERT_EQ(client.Call({"SET", "big", std::string(16 << 20, 'x')}), "OK");
  BareSocket silent(server.port());
  ASSERT_TRUE(silent.Send(Encode({"GET", "big"})));
  ASSERT_EQ(silent.Read(3), "$16");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

TEST(Stop, AReplyUnderWayIsSentToTheEnd) {
  ServerProcess server;
  Client client(server.port());
  const size_t size = 16 << 20;
  ASSERT_EQ(client.Call({"SET", "big", std::string(size, 'x')}), "OK");
  BareSocket slow(server.port());
  ASSERT_TRUE(slow.Send(Encode({"GET", "big"})));
  ASSERT_EQ(slow.Read(11), "$16777216\r\n");
  server.run().Signal(SIGTERM);
  EXPECT_EQ(slow.Read(size + 3).size(), size + 2);
  EXPECT_EQ(server.run().Wait(), 0);
}

TEST(Stop, ShutdownEndsTheServerWithoutAReply) {
  ServerProcess server;
  Client client(server.port());
  EXPECT_EQ(client.Call({"SHUTDOWN", "NOSAVE", "SAVE"}), "-ERR syntax error");
  EXPECT_EQ(client.Call({"SET", "key", "value"}), "OK");
  EXPECT_EQ(client.Call({"SHUTDOWN"}), "(closed)");
  EXPECT_EQ(server.run().Wait(), 0);
  EXPECT_THAT(server.log(), HasSubstr("SHUTDOWN from 127.0.0.1:"));
  server.Start();
  EXPECT_EQ(Client(server.port()).Call({"GET", "key"}), "value");
}

TEST(Stop, ClientsThatWaitOrListenDoNotKeepIt) {
  ServerProcess server;
  Client subscriber(server.port());
  Client waiting(server.port());
  Client paused(server.port());
  ASSERT_EQ(subscriber.Call({"SUBSCRIBE", "news"}), "[subscribe, news, 1]");
  waiting.Append({"WAIT", "1", "0"});
  ASSERT_TRUE(waiting.Send());
  ASSERT_EQ(paused.Call({"CLIENT", "PAUSE", "100000"}), "OK");
  paused.Append({"GET", "key"});
  ASSERT_TRUE(paused.Send());
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
  for (Client* client : {&subscriber, &waiting, &paused}) EXPECT_EQ(client->Read(), "(closed)");
}

TEST(Stop, HangUpsAndBrokenPipesAreIgnored) {
  ServerProcess server;
  server.run().Signal(SIGHUP);
  server.run().Signal(SIGPIPE);
  EXPECT_EQ(Client(server.port()).Call({"PING"}), "PONG");
}

}  // namespace
}  // namespace cartwheel
