// Every limit with real sockets: how many clients, how long they may idle, how much they are owed.
#include <arpa/inet.h>
#include <chrono>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr size_t kMiB = 1 << 20;

// Under an address sanitizer freed memory stays resident for a while.
constexpr size_t kMemoryBound = (CARTWHEEL_SLOWDOWN > 1 ? 2000 : 400) * kMiB;

TEST(Limit, ThePasswordIsAskedFor) {
  ServerProcess server({"--requirepass", "secret"});
  EXPECT_THAT(server.log(), HasSubstr("a password is set"));
  Client client(server.port());
  EXPECT_EQ(client.Call({"GET", "key"}), "-NOAUTH Authentication required.");
  EXPECT_THAT(client.Call({"AUTH", "wrong"}), StartsWith("-WRONGPASS"));
  EXPECT_EQ(client.Call({"AUTH", "secret"}), "OK");
  EXPECT_EQ(client.Call({"GET", "key"}), "(nil)");
}

// An IPv4 address of this machine that is not loopback, "" when it has none.
std::string OutsideAddress() {
  ifaddrs* all = nullptr;
  std::string found;
  if (getifaddrs(&all) != 0) return found;
  for (const ifaddrs* at = all; at != nullptr && found.empty(); at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    if (ntohl(address->sin_addr.s_addr) >> 24 == 127) continue;
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
    found = text;
  }
  freeifaddrs(all);
  return found;
}

TEST(Limit, ProtectedModeServesThisMachineOnlyUntilThereIsAPassword) {
  const std::string outside = OutsideAddress();
  if (outside.empty()) GTEST_SKIP() << "this machine has only loopback addresses";
  ServerProcess server({"--bind", "127.0.0.1", outside});
  Client inside(server.port());
  EXPECT_EQ(inside.Call({"PING"}), "PONG");
  // The reply comes before any request, and the connection ends.
  EXPECT_THAT(BareSocket(server.port(), outside).ReadAll(),
              MatchesRegex("-DENIED .*protected mode.*\r\n"));
  EXPECT_EQ(inside.Call({"CONFIG", "SET", "requirepass", "secret"}), "OK");
  BareSocket asked(server.port(), outside);
  ASSERT_TRUE(asked.Send("PING\r\n"));
  EXPECT_EQ(asked.Read(34), "-NOAUTH Authentication required.\r\n");
}

TEST(Limit, OneClientTooManyIsTurnedAwayWithAnError) {
  ServerProcess server({"--maxclients", "3"});
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(server.port());
    ASSERT_EQ(clients.back().Call({"PING"}), "PONG");
  }
  EXPECT_EQ(BareSocket(server.port()).ReadAll(), "-ERR max number of clients reached\r\n");
  EXPECT_EQ(InfoField(clients[0], "stats", "rejected_connections"), "1");
  clients.pop_back();
  EXPECT_TRUE(Eventually([&] { return Client(server.port()).Call({"PING"}) == "PONG"; }));
}

TEST(Limit, WithoutFreeFilesNewClientsAreClosedAndOldOnesServed) {
  ServerProcess server;
  Client client(server.port());
  ASSERT_EQ(client.Call({"SET", "key", "value"}), "OK");
  rlimit before{};
  ASSERT_EQ(prlimit(server.run().pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit few{.rlim_cur = 40, .rlim_max = before.rlim_max};
  ASSERT_EQ(prlimit(server.run().pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  {
    std::vector<Client> clients;
    int served = 0;
    for (int i = 0; i < 60; ++i) clients.emplace_back(server.port());
    for (Client& each : clients) served += each.Call({"GET", "key"}) == "value" ? 1 : 0;
    EXPECT_GT(served, 0);
    EXPECT_LT(served, 40);
    EXPECT_EQ(client.Call({"SET", "key", "new"}), "OK");
  }
  EXPECT_TRUE(Eventually([&] { return Client(server.port()).Call({"GET", "key"}) == "new"; }));
}

TEST(Limit, AnIdleClientIsDisconnectedASubscriberIsNot) {
  ServerProcess server({"--timeout", "1"});
  Client idle(server.port());
  Client subscriber(server.port());
  ASSERT_EQ(idle.Call({"PING"}), "PONG");
  ASSERT_EQ(subscriber.Call({"SUBSCRIBE", "news"}), "[subscribe, news, 1]");
  EXPECT_EQ(idle.Read(), "(closed)");
  EXPECT_EQ(Client(server.port()).Call({"PUBLISH", "news", "hello"}), "1");
  EXPECT_EQ(subscriber.Read(), "[message, news, hello]");
}

TEST(Limit, ASlowReaderIsNotIdleWhileItReads) {
  ServerProcess server({"--timeout", "1"});
  Client client(server.port());
  const size_t size = 24 * kMiB;
  ASSERT_EQ(client.Call({"SET", "big", std::string(size, 'x')}), "OK");
  BareSocket slow(server.port());
  ASSERT_TRUE(slow.Send(Encode({"GET", "big"})));
  ASSERT_EQ(slow.Read(11), "$25165824\r\n");
  size_t got = 0;
  // For two and a half seconds a little; then the rest.
  for (int i = 0; i < 25; ++i) {
    got += slow.Read(600 << 10).size();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  got += slow.Read(size - got).size();
  EXPECT_EQ(got, size);
}

TEST(Limit, AClientThatLeavesWithoutReadingItsRepliesIdlesToo) {
  ServerProcess server({"--timeout", "1"});
  Client client(server.port());
  ASSERT_EQ(client.Call({"SET", "big", std::string(24 * kMiB, 'x')}), "OK");
  BareSocket deaf(server.port());
  ASSERT_TRUE(deaf.Send("GET big\r\nQUIT\r\n"));
  ASSERT_EQ(deaf.Read(11), "$25165824\r\n");
  // Asked anew each time: the asker must not idle either.
  EXPECT_TRUE(Eventually([&] {
    const std::string clients = Client(server.port()).Call({"CLIENT", "LIST"});
    return clients.find("cmd=client|list") != clients.npos &&
           clients.find("cmd=quit") == clients.npos;
  }));
}

TEST(Limit, ASubscriberThatNeverReadsIsDisconnectedWhileOthersGoOn) {
  ServerProcess server({"--client-output-buffer-limit", "pubsub", "8mb", "0", "0"});
  BareSocket deaf(server.port());
  ASSERT_TRUE(deaf.Send(Encode({"SUBSCRIBE", "news"})));
  ASSERT_THAT(deaf.Read(10), StartsWith("*3"));
  Client publisher(server.port());
  Client other(server.port());
  ASSERT_EQ(other.Call({"SUBSCRIBE", "news"}), "[subscribe, news, 1]");
  const std::string message(kMiB, 'm');
  std::string receivers = "2";
  for (int i = 0; i < 64 && receivers == "2"; ++i) {
    receivers = publisher.Call({"PUBLISH", "news", message});
    ASSERT_EQ(other.Read(), "[message, news, " + message + "]");
  }
  EXPECT_EQ(receivers, "1");
  EXPECT_EQ(InfoField(publisher, "stats", "client_output_buffer_limit_disconnections"), "1");
  EXPECT_THAT(server.log(), HasSubstr("does not read its replies"));
  EXPECT_LT(server.run().resident_bytes(), kMemoryBound);
  EXPECT_TRUE(Eventually([&] { return deaf.Closed(); }));
}

TEST(Limit, WhoAsksWithoutReadingCostsBoundedMemoryAndNobodysTime) {
  ServerProcess server;
  Client client(server.port());
  ASSERT_EQ(client.Call({"SET", "big", std::string(kMiB, 'x')}), "OK");
  BareSocket greedy(server.port());
  std::string pipeline;
  for (int i = 0; i < 5000; ++i) pipeline += Encode({"GET", "big"});
  // 5 GB of replies.
  ASSERT_TRUE(greedy.Send(pipeline));
  auto slowest = std::chrono::steady_clock::duration::zero();
  for (int i = 0; i < 200; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_EQ(client.Call({"PING"}), "PONG");
    slowest = std::max(slowest, std::chrono::steady_clock::now() - begun);
  }
  EXPECT_LT(slowest, std::chrono::seconds(2 * CARTWHEEL_SLOWDOWN));
  EXPECT_LT(server.run().resident_bytes(), kMemoryBound);
  // It gets the rest when it reads at last, as fast as it reads.
  const std::string reply = "$1048576\r\n" + std::string(kMiB, 'x') + "\r\n";
  for (int i = 0; i < 300; ++i) ASSERT_EQ(greedy.Read(reply.size()), reply) << i;
  EXPECT_LT(server.run().resident_bytes(), kMemoryBound);
}

TEST(Limit, AFloodOfRequestsDoesNotDelayOthers) {
  ServerProcess server({"--save", ""});
  Client client(server.port());
  BareSocket flood(server.port());
  std::string requests;
  for (int i = 0; i < 100'000; ++i) requests += "*1\r\n$4\r\nPING\r\n";
  std::string_view rest = requests;
  auto slowest = std::chrono::steady_clock::duration::zero();
  while (!rest.empty()) {
    rest.remove_prefix(flood.SendSome(rest));
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_EQ(client.Call({"PING"}), "PONG");
    slowest = std::max(slowest, std::chrono::steady_clock::now() - begun);
  }
  EXPECT_LT(slowest, std::chrono::seconds(2 * CARTWHEEL_SLOWDOWN));
  EXPECT_EQ(flood.Read(700'000).size(), 700'000u);
}

TEST(Limit, GarbageWithoutEndIsAProtocolError) {
  ServerProcess server;
  BareSocket socket(server.port());
  const std::string garbage(kMiB, 'g');
  int sent = 0;
  while (sent < 100 && socket.Send(garbage)) ++sent;
  EXPECT_LT(sent, 100);
  EXPECT_EQ(socket.ReadAll(), "-ERR Protocol error: too big inline request\r\n");
  EXPECT_LT(server.run().resident_bytes(), kMemoryBound);
  EXPECT_EQ(Client(server.port()).Call({"PING"}), "PONG");
}

TEST(Limit, ARequestBeyondTheQueryBufferLimitEndsTheConnection) {
  ServerProcess server({"--client-query-buffer-limit", "1mb"});
  BareSocket socket(server.port());
  (void)socket.Send("*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$4194304\r\n" + std::string(4 * kMiB, 'v'));
  EXPECT_TRUE(Eventually([&] { return socket.Closed(); }));
  EXPECT_EQ(Client(server.port()).Call({"DBSIZE"}), "0");
}

TEST(Limit, FiveHundredConnectionsOpenAndClose) {
  ServerProcess server;
  Client observer(server.port());
  for (int round = 0; round < 2; ++round) {
    std::vector<Client> clients;
    for (int i = 0; i < 500; ++i) clients.emplace_back(server.port());
    for (Client& client : clients) client.Append({"INCR", "counter"});
    for (Client& client : clients) ASSERT_TRUE(client.Send());
    for (Client& client : clients) ASSERT_GT(std::stoi(client.Read()), 0);
    EXPECT_EQ(InfoField(observer, "clients", "connected_clients"), "501");
  }
  EXPECT_EQ(observer.Call({"GET", "counter"}), "1000");
  EXPECT_TRUE(
      Eventually([&] { return InfoField(observer, "clients", "connected_clients") == "1"; }));
}

}  // namespace
}  // namespace cartwheel
