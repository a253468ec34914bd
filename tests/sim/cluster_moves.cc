// A cluster whose members and owners change.
#include <algorithm>
#include <optional>
#include <utility>

#include "cluster/moves.h"
#include "cluster/topology.h"
#include "tests/sim/cluster.h"

namespace cartwheel::sim {
namespace {

constexpr uint32_t kWeight = 100;

cluster::NodeAddress AddressOf(Host host) {
  return {.host = "node-" + std::to_string(host), .port = 1};
}

}  // namespace

cluster::Topology Cluster::FirstTopology(const ClusterSetup& setup) {
  cluster::Topology topology{.cluster_id = 1, .n = setup.levels.n, .members = {}, .owners = {}};
  std::vector<cluster::TopologyMember> members;
  members.reserve(setup.nodes);
  for (Host host = 0; host < setup.nodes; ++host) {
    members.push_back({.node = NodeIdOf(host), .address = AddressOf(host), .weight = kWeight});
  }
  if (members.size() > 2) {
    members.back().weight = 0;
    members.back().planned_weight = kWeight;
  }
  return With(topology, members);
}

const cluster::Ring& Cluster::ring() const {
  const Node* knows_most = nullptr;
  for (const auto& node : nodes_) {
    if (!moves_ || !node->running() || node->topology() == nullptr) continue;
    if (knows_most == nullptr || node->epoch() > knows_most->epoch()) knows_most = node.get();
  }
  return knows_most == nullptr ? ring_ : knows_most->ring();
}

std::string Cluster::WhyUnsettled() const {
  if (!moves_) return {};
  uint64_t epoch = 0;
  std::string why;
  for (Host host = 0; host < nodes_.size(); ++host) {
    const Node& node = *nodes_[host];
    const std::string name = "node " + std::to_string(host);
    if (!node.running()) return name + " does not run";
    const cluster::Topology* const topology = node.topology();
    if (topology == nullptr) continue;
    if (epoch != 0 && epoch != node.epoch()) why += name + " is at another epoch; ";
    epoch = node.epoch();
    const bool settled =
        topology->moves.empty() && (!topology->halt.empty() || cluster::IsSettled(*topology));
    if (settled) continue;
    why += name + " at epoch " + std::to_string(epoch) + ": " +
           std::to_string(topology->moves.size()) + " moves" +
           (topology->halt.empty() ? "" : ", halted: " + topology->halt) + ", " + node.Report() +
           "; ";
  }
  return why;
}

void Cluster::Handle(const OperatorCommits& event) {
  Operate(event.node, {.what = Node::Operate::What::kCommit});
}

void Cluster::Operate(Host node, const Node::Operate& operation) {
  GiveToNode(node, operation);
}

// Over connections of their own, which are answered at once or not at all.
void Cluster::PassQuestions(Host node) {
  for (const cluster::Membership::Ask& ask : nodes_[node]->TakeAsks()) {
    std::optional<cluster::JoinReply> reply;
    for (Host other = 0; other < nodes_.size(); ++other) {
      if (AddressOf(other) != ask.to || !nodes_[other]->running() || paused(other)) continue;
      if (!network_.Reaches(node, other) || !network_.Reaches(other, node)) continue;
      reply = nodes_[other]->Answer(ask.request, now_us());
      ScheduleTurn(other);
    }
    nodes_[node]->Take(ask.to, reply ? &*reply : nullptr, now_us());
    ScheduleTurn(node);
  }
}

}  // namespace cartwheel::sim
