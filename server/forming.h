// A node's membership as the server has it: what cluster::Membership knows is stored with the
// turn's commit, what it says to members goes over their links, what it asks of others is the
// shell's to do.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/local_store.h"
#include "cluster/membership.h"
#include "cluster/message.h"
#include "server/cluster_config.h"
#include "server/gateway.h"
#include "server/now.h"

namespace cartwheel::server {

// Of a node whose cluster's members come and go.
struct FormingOptions {
  cluster::Membership::Options membership;
  std::optional<cluster::Register::State> stored;  // LoadMembership
};

cluster::Membership::Options MembershipOptionsOf(const ClusterConfig& config, cluster::NodeId self,
                                                 uint64_t boot_nonce);

class Forming {
 public:
  // All outlive it.
  Forming(const FormingOptions& options, uint64_t seed, cluster::LocalStore& store,
          Gateway& gateway);

  // False: it is in no cluster yet, and no client's operation may be done.
  bool formed() const { return membership_.is_formed(); }
  // While it is not: the error that clients get.
  std::string_view WhyUnformed() const;
  const cluster::Membership& membership() const { return membership_; }

  // --- Inputs: as cluster::Membership's

  void Meet(const cluster::NodeAddress& address);
  std::string WhyNotJoin();
  std::string Commit(Now now);
  std::string Forget(cluster::NodeId node, Now now);
  std::string Leave(cluster::NodeId node, Now now);
  std::string Reweight(cluster::NodeId node, uint32_t weight, Now now);
  std::string Replace(cluster::NodeId old, cluster::NodeId by, Now now);
  std::string Cancel(Now now);
  cluster::JoinReply OnRequest(const cluster::JoinRequest& request, const std::string& from_host,
                               Now now);
  void Replied(const cluster::NodeAddress& to, const cluster::JoinReply& reply, Now now);
  void NotAnswered(const cluster::NodeAddress& to, Now now);
  void PeerUp(cluster::NodeId peer) { membership_.PeerUp(peer); }
  void PeerDown(cluster::NodeId peer) { membership_.PeerDown(peer); }
  // Messages that are not about it are passed over.
  void OnMessage(cluster::NodeId from, const cluster::Message& message, Now now);
  void OnTime(Now now) { membership_.OnTime(now.monotonic_us); }
  int64_t NextDeadline() const;

  // --- The end of a turn

  // What has changed goes into the turn's batch. Where it could not be stored it waits a while:
  // otherwise no turn of a node whose disk is full could be committed, and it would fall silent.
  void Stage(Now now);
  // Another topology goes to the gateway; what follows from it is in the next turn's batch. True:
  // there was one.
  bool Committed(bool committed, Now now);
  // For the shell: whom to ask, ...
  std::vector<cluster::Membership::Ask> TakeAsks() { return std::exchange(asks_, {}); }
  // ... and whether the topology has changed.
  bool TakeAdopted() { return std::exchange(adopted_, false); }

 private:
  bool HoldsKeys() const;
  cluster::Membership::Report ReportOf(Now now);
  void Carry(cluster::Membership::Output&& output, Now now);

  cluster::Membership membership_;
  cluster::LocalStore& store_;
  Gateway& gateway_;
  std::vector<cluster::Membership::Ask> asks_;
  bool adopted_ = false;
  bool wants_turn_ = false;
  bool held_back_ = false;  // what has changed is not in the turn's batch
  int64_t stage_not_before_us_ = 0;
  std::vector<cluster::Partition> arrived_;  // as the last commit left it
  // How much the store takes, which costs something to find out, and when that is due again.
  uint64_t bytes_ = 0;
  int64_t next_bytes_us_ = 0;
};

}  // namespace cartwheel::server
