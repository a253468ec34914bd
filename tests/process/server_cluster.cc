#include "tests/process/server_cluster.h"

#include <algorithm>
#include <csignal>

#include <gtest/gtest.h>

namespace cartwheel {
namespace {

// Every node has a network of its own.
constexpr int kPortOnWires = 7000;

bool HasLine(const std::string& info, const std::string& name, size_t value) {
  return info.contains(name + ":" + std::to_string(value) + "\r\n");
}

}  // namespace

ServerCluster::ServerCluster(int size, Options options)
    : options_(std::move(options)), nodes_(static_cast<size_t>(size)) {
  for (Node& node : nodes_) {
    node.cluster_port = options_.wires == nullptr ? FreePort() : kPortOnWires;
  }
}

ServerCluster::~ServerCluster() {
  // All at once: each takes its time to end.
  for (int id = 1; id <= size(); ++id) {
    if (!HasRun(id)) continue;
    at(id).run().Signal(SIGTERM);
    Resume(id);
  }
}

std::string ServerCluster::address(int id) const {
  const std::string host = options_.wires == nullptr ? "127.0.0.1" : Switch::AddressOf(id);
  return host + ":" + std::to_string(cluster_port(id));
}

std::vector<std::string> ServerCluster::OptionsOf(int id) const {
  const bool listed = options_.members == Members::kListed;
  std::string list;
  for (int each = 1; each <= size(); ++each) {
    if (each > 1) list += listed ? " " : ",";
    list += listed ? std::to_string(each) + "=" + address(each) : address(each);
  }
  std::vector<std::string> words;
  if (listed) {
    words = {"--cluster-nodes", list, "--cluster-self", std::to_string(id)};
  } else if (options_.members == Members::kJoining) {
    words = {"--cluster-join", list, "--cluster-port", std::to_string(cluster_port(id))};
  } else {
    words = {"--cluster-enabled", "yes", "--cluster-port", std::to_string(cluster_port(id))};
  }
  words.insert(words.end(), options_.of_all.begin(), options_.of_all.end());
  return words;
}

void ServerCluster::Start(int id, const std::vector<std::string>& more) {
  std::vector<std::string> options = OptionsOf(id);
  options.insert(options.end(), more.begin(), more.end());
  const Network::Inside inside = Enter(id);
  Node& node = nodes_[Index(id)];
  if (node.server == nullptr) {
    node.server = std::make_unique<ServerProcess>(std::move(options));
  } else {
    node.server->set_options(std::move(options));
    node.server->Start();
  }
}

void ServerCluster::StartAll() {
  for (int id = 1; id <= size(); ++id) {
    if (!HasRun(id)) Start(id);
  }
}

std::optional<int> ServerCluster::Stop(int id) {
  return at(id).Stop(SIGTERM);
}

void ServerCluster::Pause(int id) {
  at(id).run().Signal(SIGSTOP);
  nodes_[Index(id)].paused = true;
}

void ServerCluster::Resume(int id) {
  at(id).run().Signal(SIGCONT);
  nodes_[Index(id)].paused = false;
}

Client ServerCluster::Connect(int id) {
  const Network::Inside inside = Enter(id);
  return Client(at(id).port());
}

std::vector<int> ServerCluster::Serving() {
  std::vector<int> serving;
  for (int id = 1; id <= size(); ++id) {
    if (HasRun(id) && !nodes_[Index(id)].paused && at(id).run().running()) serving.push_back(id);
  }
  return serving;
}

bool ServerCluster::AwaitAll(const std::function<bool(int, Client&)>& says) {
  return std::ranges::all_of(Serving(), [&](int id) {
    Client client = Connect(id);
    return Eventually([&] { return says(id, client); });
  });
}

bool ServerCluster::AwaitOneOf(size_t members) {
  return Eventually([&] {
    std::string cluster;
    return std::ranges::all_of(Serving(), [&](int id) {
      Client client = Connect(id);
      const std::string info = client.Call({"CLUSTER", "INFO"});
      // The first sixteen digits are the cluster's, the rest the node's.
      const std::string its = client.Call({"CLUSTER", "MYID"}).substr(0, 16);
      if (cluster.empty()) cluster = its;
      return HasLine(info, "cluster_known_nodes", members) &&
             HasLine(info, "cluster_nodes_lost", 0) && its == cluster;
    });
  });
}

bool ServerCluster::AwaitPeer(int peer, std::string_view state) {
  return AwaitAll([&](int id, Client& client) {
    return id == peer || InfoField(client, "dynamo", "peer_" + std::to_string(peer)) == state;
  });
}

bool ServerCluster::AwaitAllUp() {
  for (int id = 1; id <= size(); ++id) {
    if (!AwaitPeer(id, "up")) return false;
  }
  return true;
}

bool ServerCluster::HasRun(int id) const {
  return nodes_[Index(id)].server != nullptr;
}

Network::Inside ServerCluster::Enter(int id) const {
  return Network::Inside(options_.wires == nullptr ? nullptr : &options_.wires->At(id));
}

}  // namespace cartwheel
