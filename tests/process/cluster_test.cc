// Three real nodes, N=3: one that dies under load, and one that a network without wires cuts off.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/networks.h"
#include "tests/process/server_cluster.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kNodes = 3;

ServerCluster::Options WithASecret(const Switch* wires = nullptr) {
  return {.of_all = {"--cluster-secret", "of this test alone and long enough"}, .wires = wires};
}

bool AllReached(Client& client) {
  return Eventually(
      [&] { return client.Call({"DYN.QUORUM", "PW", "3", "SET", "p", "1"}) == "OK"; });
}

// ---- one dies

// Writes keys of its own and reads them back, at one node after another when a connection breaks.
class Worker {
 public:
  explicit Worker(int id) : id_(id) {}

  void Run(const std::vector<int>& ports, const std::atomic<bool>& stop) {
    for (size_t at = static_cast<size_t>(id_); !stop; ++at) {
      Client client(ports[at % ports.size()]);
      while (!stop && client.connected() && RunBatch(client)) {
      }
    }
  }
  // Of every key whether its write was acknowledged.
  const std::vector<bool>& acknowledged() const { return acknowledged_; }
  const std::string& error() const { return error_; }
  std::string KeyOf(size_t number) const {
    return "w" + std::to_string(id_) + ":" + std::to_string(number);
  }
  static std::string ValueOf(const std::string& key) { return "value of " + key; }

 private:
  static constexpr size_t kPipelined = 8;

  // False: the connection has ended, and what it left open is uncertain.
  bool RunBatch(Client& client) {
    const size_t first = acknowledged_.size();
    acknowledged_.resize(first + kPipelined);
    for (size_t i = first; i < first + kPipelined; ++i) {
      client.Append({"SET", KeyOf(i), ValueOf(KeyOf(i))});
    }
    client.Append({"GET", KeyOf(first)});
    for (size_t i = first; i < first + kPipelined; ++i) {
      const std::string reply = client.Read();
      if (reply == "(closed)") return false;
      if (reply != "OK") error_ = reply;
      acknowledged_[i] = reply == "OK";
    }
    const std::string reply = client.Read();
    if (reply == "(closed)") return false;
    if (reply != ValueOf(KeyOf(first))) error_ = "GET of what it wrote: " + reply;
    return true;
  }

  const int id_;
  std::vector<bool> acknowledged_;
  std::string error_;
};

// Asked for at that node, of so many replicas.
size_t CountMissing(Client client, const std::string& replicas,
                    const std::vector<Worker>& workers) {
  size_t missing = 0;
  for (const Worker& worker : workers) {
    for (size_t i = 0; i < worker.acknowledged().size(); ++i) {
      client.Append({"DYN.QUORUM", "R", replicas, "GET", worker.KeyOf(i)});
    }
    for (size_t i = 0; i < worker.acknowledged().size(); ++i) {
      const std::string reply = client.Read();
      const bool right = reply == Worker::ValueOf(worker.KeyOf(i));
      if (worker.acknowledged()[i] && !right) ++missing;
      // What was not acknowledged may be there or not, but never as something else.
      EXPECT_TRUE(right || reply == "(nil)") << reply;
    }
  }
  return missing;
}

TEST(Cluster, ADeathUnderLoadCostsClientsOnlyTheirConnectionAndHintsBringBackWhatWasMissed) {
  ServerCluster nodes(kNodes, WithASecret());
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitAll([](int /*id*/, Client& client) { return AllReached(client); }));
  std::vector<Worker> workers;
  for (int id = 0; id < 2 * kNodes; ++id) workers.emplace_back(id);
  std::atomic<bool> stop = false;
  std::vector<int> ports;
  for (int id = 1; id <= kNodes; ++id) ports.push_back(nodes.at(id).port());
  std::vector<std::thread> threads;
  for (Worker& worker : workers) {
    threads.emplace_back([&] { worker.Run(ports, stop); });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  nodes.Kill(3);
  std::this_thread::sleep_for(std::chrono::milliseconds(1300));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  size_t acknowledged = 0;
  for (const Worker& worker : workers) {
    EXPECT_EQ(worker.error(), "");
    for (const bool each : worker.acknowledged()) acknowledged += each ? 1 : 0;
  }
  EXPECT_GT(acknowledged, 1000u);
  EXPECT_EQ(CountMissing(nodes.Connect(1), "2", workers), 0u);

  nodes.Start(3);
  ASSERT_TRUE(nodes.AwaitPeer(3, "up"));
  for (const int survivor : {1, 2}) {
    Client client = nodes.Connect(survivor);
    ASSERT_TRUE(Eventually([&] { return InfoField(client, "dynamo", "hints_for_3").empty(); }))
        << InfoField(client, "dynamo", "hints_for_3");
    EXPECT_NE(InfoField(client, "dynamo", "hints_delivered"), "0");
  }
  // Nobody has read since it came back, and now nobody else can answer for it.
  for (const int survivor : {1, 2}) EXPECT_EQ(nodes.Stop(survivor), 0);
  EXPECT_EQ(CountMissing(nodes.Connect(3), "1", workers), 0u) << "of " << acknowledged;
}

// ---- one is cut off

std::string ContextIn(const std::string& reply) {
  return reply.substr(1, reply.find(',') - 1);
}

TEST(Cluster, BothSidesOfACutTakeWritesAndAContextJoinsThemAgain) {
  const Switch wires(kNodes);
  if (!wires.ok()) GTEST_SKIP() << kNoNetworks;
  ServerCluster nodes(kNodes, WithASecret(&wires));
  nodes.StartAll();
  std::vector<Client> clients;
  for (int id = 1; id <= kNodes; ++id) clients.push_back(nodes.Connect(id));
  ASSERT_TRUE(AllReached(clients[0]));
  for (Client& client : clients) {
    ASSERT_EQ(client.Call({"DYN.QUORUM", "R", "1", "W", "1"}), "OK");
  }

  wires.Unplug(1);
  ASSERT_EQ(clients[0].Call({"SET", "k", "of the one"}), "OK");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // so that it is the earlier one
  ASSERT_EQ(clients[1].Call({"SET", "k", "of the two"}), "OK");
  // Also when it lasts: every side goes on alone.
  for (int i = 0; i < 60; ++i) {
    const std::string key = "other" + std::to_string(i);
    ASSERT_EQ(clients[0].Call({"SET", key, "1"}), "OK") << i;
    ASSERT_EQ(clients[2].Call({"SET", key, "2"}), "OK") << i;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(clients[0].Call({"GET", "k"}), "of the one");
  EXPECT_EQ(clients[2].Call({"GET", "k"}), "of the two");

  wires.Plug(1);
  std::string both;
  for (Client& client : clients) {
    ASSERT_TRUE(Eventually([&] {
      both = client.Call({"DYN.GET", "k"});
      return both.find("of the one") != std::string::npos &&
             both.find("of the two") != std::string::npos;
    })) << both;
    EXPECT_EQ(client.Call({"GET", "k"}), "of the two") << "the later one";
  }
  EXPECT_THAT(clients[2].Call({"DYN.SET", "k", "of all", "CONTEXT", ContextIn(both)}),
              HasSubstr("OK"));
  for (Client& client : clients) {
    ASSERT_TRUE(Eventually([&] {
      both = client.Call({"DYN.GET", "k"});
      return both.find("of all") != std::string::npos;
    })) << both;
    EXPECT_THAT(both, AllOf(Not(HasSubstr("of the one")), Not(HasSubstr("of the two"))));
  }
  for (int id = 1; id <= kNodes; ++id) EXPECT_EQ(nodes.Stop(id), 0);
}

}  // namespace
}  // namespace cartwheel
