// Bytes in every shape and rate that sockets deliver them.
#include <filesystem>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;

TEST(Traffic, ValuesOfAMegabyteAndOfSixtyFourComeBackWhole) {
  ServerProcess server;
  Client client(server.port());
  for (const size_t megabytes : {1, 64}) {
    std::string value(megabytes << 20, '\0');
    for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 2654435761U >> 24);
    ASSERT_EQ(client.Call({"SET", "big", value}), "OK");
    EXPECT_TRUE(client.Call({"GET", "big"}) == value) << megabytes;
  }
  server.Kill();
  server.Start();
  EXPECT_EQ(Client(server.port()).Call({"STRLEN", "big"}), std::to_string(64 << 20));
}

TEST(Traffic, APipelineOfTenThousandIsAnsweredInOrder) {
  ServerProcess server;
  Client client(server.port());
  for (int i = 0; i < 10'000; ++i) client.Append({"INCR", "counter"});
  for (int i = 1; i <= 10'000; ++i) ASSERT_EQ(client.Read(), std::to_string(i));
}

TEST(Traffic, ARequestByteByByte) {
  ServerProcess server;
  BareSocket socket(server.port());
  for (const char byte : Encode({"SET", "key", "value"}) + "GET key\r\n") {
    ASSERT_TRUE(socket.Send({&byte, 1}));
  }
  EXPECT_EQ(socket.Read(16), "+OK\r\n$5\r\nvalue\r\n");
}

TEST(Traffic, AHalfClosedClientGetsAllItsReplies) {
  ServerProcess server;
  BareSocket socket(server.port());
  std::string pipeline = Encode({"SET", "big", std::string(1 << 20, 'x')});
  for (int i = 0; i < 20; ++i) pipeline += Encode({"GET", "big"});
  ASSERT_TRUE(socket.Send(pipeline));
  socket.EndOutput();
  EXPECT_EQ(socket.ReadAll().size(), 5 + 20 * ((1 << 20) + 12));
}

TEST(Traffic, AHalfClosedClientThatIsOwedMoreThanItsShareGetsAllItsRepliesToo) {
  ServerProcess server;
  BareSocket socket(server.port());
  std::string pipeline = Encode({"SET", "big", std::string(1 << 20, 'x')});
  for (int i = 0; i < 150; ++i) pipeline += Encode({"GET", "big"});
  ASSERT_TRUE(socket.Send(pipeline));
  socket.EndOutput();
  EXPECT_EQ(socket.ReadAll().size(), 5 + 150 * ((1 << 20) + 12));
}

TEST(Traffic, ALargeRequestBehindRepliesThatAreNotReadYetIsServedInItsTurn) {
  ServerProcess server;
  BareSocket socket(server.port());
  std::string pipeline = Encode({"SET", "big", std::string(1 << 20, 'x')});
  for (int i = 0; i < 100; ++i) pipeline += Encode({"GET", "big"});
  const std::string last = Encode({"SET", "last", std::string(3 << 20, 'y')});
  ASSERT_TRUE(socket.Send(pipeline));
  std::string_view rest = last;
  rest.remove_prefix(socket.SendSome(rest));
  const size_t replies = 5 + 100 * ((1 << 20) + 12);
  EXPECT_EQ(socket.Read(replies).size(), replies);
  ASSERT_TRUE(socket.Send(rest));
  EXPECT_EQ(socket.Read(5), "+OK\r\n");
}

TEST(Traffic, AnIncompleteRequestBeforeTheEndIsDropped) {
  ServerProcess server;
  BareSocket socket(server.port());
  ASSERT_TRUE(socket.Send("PING\r\n*2\r\n$3\r\nGET\r\n$3\r\nke"));
  socket.EndOutput();
  EXPECT_EQ(socket.ReadAll(), "+PONG\r\n");
}

TEST(Traffic, QuitAnswersAndCloses) {
  ServerProcess server;
  BareSocket socket(server.port());
  ASSERT_TRUE(socket.Send("PING\r\nQUIT\r\nPING\r\n"));
  EXPECT_EQ(socket.ReadAll(), "+PONG\r\n+OK\r\n");
}

TEST(Traffic, AClientThatVanishesMidwayIsForgotten) {
  ServerProcess server;
  Client observer(server.port());
  ASSERT_EQ(observer.Call({"SET", "big", std::string(1 << 20, 'x')}), "OK");
  for (int i = 0; i < 5; ++i) {
    BareSocket socket(server.port());
    std::string pipeline;
    for (int j = 0; j < 100; ++j) pipeline += Encode({"GET", "big"});
    ASSERT_TRUE(socket.Send(pipeline + "*2\r\n$3\r\nGET"));
  }
  EXPECT_TRUE(
      Eventually([&] { return InfoField(observer, "clients", "connected_clients") == "1"; }));
}

TEST(Traffic, AUnixSocketIsServedWithItsPermissionsAndRemovedAtTheEnd) {
  const TemporaryDirectory directory;
  const std::string path = directory / "server.sock";
  ServerProcess server({"--unixsocket", path, "--unixsocketperm", "760"});
  EXPECT_THAT(server.log(), HasSubstr("redis-cli -s " + path));
  Client client(path);
  EXPECT_EQ(client.Call({"SET", "key", "value"}), "OK");
  EXPECT_THAT(client.Call({"CLIENT", "LIST"}), HasSubstr("addr=" + path + ":0"));
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0760U);
  // Its file stays behind a kill and does not keep the next server from starting.
  server.Kill();
  server.Start();
  EXPECT_EQ(Client(path).Call({"GET", "key"}), "value");
  EXPECT_EQ(Client(path).Call({"SHUTDOWN"}), "(closed)");
  EXPECT_EQ(server.run().Wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Traffic, AUnixSocketAloneIsEnough) {
  const TemporaryDirectory directory;
  const std::string path = directory / "server.sock";
  ServerProcess server({"--port", "0", "--unixsocket", path});
  EXPECT_THAT(server.log(), HasSubstr("ready: redis-cli -s " + path + "\n"));
  EXPECT_EQ(Client(path).Call({"PING"}), "PONG");
}

TEST(Traffic, AUnixSocketDoesNotTakeAnotherServersPlaceNorAFiles) {
  const TemporaryDirectory directory;
  const std::string path = directory / "server.sock";
  ServerProcess server({"--unixsocket", path});
  const std::vector<std::string> options = {"--port", "0", "--dir", directory / "data",
                                            "--unixsocket"};
  std::vector<std::string> args = options;
  args.push_back(path);
  EXPECT_THAT(RunToEnd(args).errors, HasSubstr(path + ": address already in use"));
  EXPECT_EQ(Client(path).Call({"PING"}), "PONG");

  WriteWhole(directory / "precious", "bytes");
  args.back() = directory / "precious";
  EXPECT_THAT(RunToEnd(args).errors, HasSubstr("precious: file already exists"));
  EXPECT_EQ(ReadWhole(directory / "precious"), "bytes");

  args.back() = directory / std::string(200, 'n');
  const FailedStart too_long = RunToEnd(args);
  EXPECT_EQ(too_long.exit_code, 1);
  EXPECT_THAT(too_long.errors, HasSubstr("name too long"));
}

TEST(Traffic, IPv6IsServedWhereThereIsOne) {
  ServerProcess server({"--bind", "127.0.0.1", "-::1"});
  BareSocket socket(server.port(), "::1");
  if (!socket.connected()) GTEST_SKIP() << "this machine has no IPv6";
  ASSERT_TRUE(socket.Send("CLIENT INFO\r\n"));
  EXPECT_THAT(socket.Read(40), HasSubstr("addr=[::1]:"));
}

}  // namespace
}  // namespace cartwheel
