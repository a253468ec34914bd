// Three real nodes, N=3: one that dies under load, and one that a network without wires cuts off.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kNodes = 3;

std::vector<std::string> OptionsOf(const std::string& nodes, int id) {
  return {"--cluster-nodes",  nodes,
          "--cluster-self",   std::to_string(id),
          "--cluster-secret", "of this test alone and long enough"};
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

class ThreeNodes {
 public:
  ThreeNodes() {
    for (int id = 1; id <= kNodes; ++id) {
      nodes_ +=
          (id == 1 ? "" : " ") + std::to_string(id) + "=127.0.0.1:" + std::to_string(FreePort());
    }
    for (int id = 1; id <= kNodes; ++id) {
      servers_.push_back(std::make_unique<ServerProcess>(OptionsOf(nodes_, id)));
    }
  }
  ServerProcess& at(int id) { return *servers_[static_cast<size_t>(id - 1)]; }
  std::vector<int> ports() const {
    std::vector<int> ports;
    for (const auto& server : servers_) ports.push_back(server->port());
    return ports;
  }

 private:
  std::string nodes_;
  std::vector<std::unique_ptr<ServerProcess>> servers_;
};

// Asked for at that node, of so many replicas.
size_t CountMissing(int port, const std::string& replicas, const std::vector<Worker>& workers) {
  Client client(port);
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
  ThreeNodes nodes;
  {
    Client client(nodes.at(1).port());
    ASSERT_TRUE(AllReached(client));
  }
  std::vector<Worker> workers;
  for (int id = 0; id < 2 * kNodes; ++id) workers.emplace_back(id);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (Worker& worker : workers) {
    threads.emplace_back([&, ports = nodes.ports()] { worker.Run(ports, stop); });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  nodes.at(3).Kill();
  std::this_thread::sleep_for(std::chrono::milliseconds(1300));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  size_t acknowledged = 0;
  for (const Worker& worker : workers) {
    EXPECT_EQ(worker.error(), "");
    for (const bool each : worker.acknowledged()) acknowledged += each ? 1 : 0;
  }
  EXPECT_GT(acknowledged, 1000u);
  EXPECT_EQ(CountMissing(nodes.at(1).port(), "2", workers), 0u);

  nodes.at(3).Start();
  for (const int survivor : {1, 2}) {
    Client client(nodes.at(survivor).port());
    ASSERT_TRUE(Eventually([&] {
      return InfoField(client, "dynamo", "peer_3") == "up" &&
             InfoField(client, "dynamo", "hints_for_3").empty();
    })) << InfoField(client, "dynamo", "hints_for_3");
    EXPECT_NE(InfoField(client, "dynamo", "hints_delivered"), "0");
  }
  // Nobody has read since it came back, and now nobody else can answer for it.
  for (const int survivor : {1, 2}) EXPECT_EQ(nodes.at(survivor).Stop(SIGTERM), 0);
  EXPECT_EQ(CountMissing(nodes.at(3).port(), "1", workers), 0u) << "of " << acknowledged;
}

// ---- one is cut off

// A network of its own, gone with its last user.
class Network {
 public:
  // What a thread does inside stays there: sockets, and processes that it starts.
  class Inside {
   public:
    explicit Inside(const Network& network) : before_(open("/proc/thread-self/ns/net", O_RDONLY)) {
      EXPECT_EQ(setns(network.fd_, CLONE_NEWNET), 0);
    }
    ~Inside() {
      EXPECT_EQ(setns(before_, CLONE_NEWNET), 0);
      close(before_);
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    int before_;
  };

  Network() {
    std::thread([this] {
      if (unshare(CLONE_NEWNET) == 0) fd_ = open("/proc/thread-self/ns/net", O_RDONLY);
    }).join();
  }
  ~Network() {
    if (fd_ >= 0) close(fd_);
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  bool ok() const { return fd_ >= 0; }
  bool Ip(const std::string& words) const {
    const Inside inside(*this);
    return std::system(("ip " + words).c_str()) == 0;  // NOLINT(cert-env33-c,concurrency-mt-unsafe)
  }
  std::string path() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_);
  }

 private:
  int fd_ = -1;
};

// A switch with a port for each node. A port that is unplugged drops everything silently.
class Switch {
 public:
  // False: this machine or user may not make networks.
  bool Make() {
    if (!hub_.ok() || !hub_.Ip("link add br0 type bridge 2>/dev/null") ||
        !hub_.Ip("link set br0 up")) {
      return false;
    }
    for (int id = 1; id <= kNodes; ++id) {
      const std::string port = "port" + std::to_string(id);
      const Network& network = At(id);
      if (!network.ok() || !network.Ip("link set lo up") ||
          !hub_.Ip("link add " + port + " type veth peer name eth0 netns " + network.path()) ||
          !hub_.Ip("link set " + port + " master br0 up") ||
          !network.Ip("addr add " + AddressOf(id) + "/24 dev eth0") ||
          !network.Ip("link set eth0 up")) {
        return false;
      }
    }
    return true;
  }
  const Network& At(int id) const { return networks_[static_cast<size_t>(id - 1)]; }
  static std::string AddressOf(int id) { return "10.77.0." + std::to_string(id); }
  void Unplug(int id) const {
    EXPECT_TRUE(hub_.Ip("link set port" + std::to_string(id) + " nomaster"));
  }
  void Plug(int id) const {
    EXPECT_TRUE(hub_.Ip("link set port" + std::to_string(id) + " master br0"));
  }

 private:
  Network hub_;
  std::vector<Network> networks_ = std::vector<Network>(kNodes);
};

std::string ContextIn(const std::string& reply) {
  return reply.substr(1, reply.find(',') - 1);
}

TEST(Cluster, BothSidesOfACutTakeWritesAndAContextJoinsThemAgain) {
  const auto wires = std::make_unique<Switch>();
  if (!wires->Make()) GTEST_SKIP() << "networks cannot be made here: CAP_NET_ADMIN and ip needed";
  std::string nodes;
  for (int id = 1; id <= kNodes; ++id) {
    nodes += (id == 1 ? "" : " ") + std::to_string(id) + "=" + Switch::AddressOf(id) + ":7000";
  }
  std::vector<std::unique_ptr<ServerProcess>> servers;
  std::vector<Client> clients;
  for (int id = 1; id <= kNodes; ++id) {
    const Network::Inside inside(wires->At(id));
    servers.push_back(std::make_unique<ServerProcess>(OptionsOf(nodes, id)));
    clients.emplace_back(servers.back()->port());
  }
  ASSERT_TRUE(AllReached(clients[0]));
  for (Client& client : clients) {
    ASSERT_EQ(client.Call({"DYN.QUORUM", "R", "1", "W", "1"}), "OK");
  }

  wires->Unplug(1);
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

  wires->Plug(1);
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
  for (const auto& server : servers) EXPECT_EQ(server->Stop(SIGTERM), 0);
}

}  // namespace
}  // namespace cartwheel
