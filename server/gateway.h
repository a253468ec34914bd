// What a node of a cluster does with the operations that its clients send it: it runs those whose
// keys it coordinates, and passes the others on to who does ("Dynamo", section 4.5: any node
// takes any request). And it runs what other gateways pass on to it. A read goes on to the next
// node should the one that it was passed on to be lost or silent; a write does not, as that one may
// yet do it, much later than the client was answered.
//
// An operation whose keys have several coordinators is taken apart where its parts are independent
// (MGET, MSET, DEL ...) and put together again; any other (RENAME, BITOP ...) is run here.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/node.h"
#include "cluster/topology.h"
#include "server/cluster_config.h"
#include "server/cluster_map.h"
#include "server/coordination.h"
#include "server/keyspace_walk.h"
#include "server/now.h"
#include "server/remembered_replies.h"
#include "server/session.h"

namespace cartwheel::server {

// Of a node that has peers.
struct ClusterOptions {
  cluster::NodeId self = cluster::kNoNode;
  uint64_t cluster_id = 0;
  uint64_t boot_nonce = 0;   // new for every start
  uint64_t incarnation = 0;  // larger than those of earlier starts
  std::array<uint8_t, 32> gossip_key{};
  std::vector<cluster::Member> members;
  cluster::OwnerTable owners;  // empty: as RotatedTable says
  std::vector<cluster::Move> moves;
  std::vector<uint64_t> epochs;  // of each partition; empty: 0
  // Where they listen for each other, and where clients reach this node.
  std::map<cluster::NodeId, ClientAddress> listed;
  ClientAddress client_address;
  cluster::Levels levels;  // of requests that ask for nothing else
  int64_t rpc_timeout_us = 250'000;
  int64_t deadline_us = 1'000'000;
};

// Those of the topology; nullptr: of a node that is in no cluster.
void TakeTopology(const cluster::Topology* topology, ClusterOptions& options);

// What the store has to know of it when it is opened.
cluster::Ownership OwnershipOf(const ClusterOptions& options);
ClusterOptions OptionsOf(const ClusterConfig& config, uint64_t boot_nonce);

class Gateway {
 public:
  // The place of a reply among those of a session.
  struct Place {
    SessionId session = 0;
    uint64_t slot = 0;
  };
  struct Reply {
    Place place;
    std::string bytes;
    bool uncommitted = false;  // it depends on what this turn commits
  };

  // All outlive it, and the token key's secret.
  Gateway(cluster::LocalStore& store, WatchTable& watches, Statistics& statistics,
          ConflictLog& conflicts, const Config& config, const ClusterOptions& options,
          const cluster::TokenKey& token_key);

  // Begins an operation for a client. True: it is an update, whose session's next request must wait
  // for its reply.
  bool Begin(Place place, const Command& command, Args args, const Coordination::Terms& terms,
             Now now);
  // Begins a walk over the keyspace, whose session's next request must wait for its reply. `random`
  // as KeyspaceWalk's.
  void BeginWalk(Place place, const KeyspaceRequest& request, const Coordination::Terms& terms,
                 uint64_t random, Now now);
  // Begins to wait until owners hold what the session has written, which must have been answered.
  // Its next request must wait for the reply: how many do, less one.
  void BeginWait(Place place, const cluster::SessionContext& session, resp::Protocol protocol,
                 const cluster::CopiesWait::Terms& terms, Now now);
  // The session waits no longer: it is told what is known by now or, unless that is empty, the
  // error. False: it did not wait.
  bool EndWait(SessionId session, std::string_view error);
  // Begins to find out whether all owners of each partition hold the same. The session's next
  // request must wait for the reply, a text for people.
  void BeginVerify(Place place, resp::Protocol protocol, bool with_keys, Now now);
  // How often, and how fast, owners compare what they hold.
  void SetRepairs(const Config& config, Now now);
  // The session is gone: what it has begun goes on, for nobody.
  void Forget(const cluster::SessionContext& session);

  // Other members or other owners from now on; nullptr: this node is in no cluster any more, and
  // nothing is to be begun.
  void SetTopology(const cluster::Topology* topology, Now now);
  void PeerUp(cluster::NodeId peer, Now now);
  void PeerDown(cluster::NodeId peer, Now now);
  void OnMessage(cluster::NodeId from, const cluster::Message& message, Now now);
  void OnTime(Now now);
  int64_t NextDeadline() const;
  // What became of the turn's commit.
  void Committed(bool committed, bool durable, Now now);
  // Replies that have become known, in order.
  std::vector<Reply> TakeReplies(Now now);

  cluster::Node& node() { return node_; }
  const cluster::Node& node() const { return node_; }
  const ClusterOptions& options() const { return options_; }
  // The turn has changed something here, be it for clients or for other nodes.
  bool uncommitted() const { return node_.has_staged() || coordination_.uncommitted(); }
  // Operations of this node's clients, or their parts: those whose keys it coordinates, and those
  // that needed a second hop.
  struct Hops {
    uint64_t coordinated_here = 0;
    uint64_t passed_on = 0;
  };
  const Hops& hops() const { return hops_; }
  size_t calls_under_way() const { return coordination_.calls_under_way() + forwarded_.size(); }

 private:
  // Who gets the reply of a call.
  struct ForPeer {
    cluster::NodeId gateway;
    uint64_t sequence;
  };
  struct ForGatherer {
    uint64_t gatherer;
    size_t part;
  };
  struct ForWalk {
    uint64_t walk;
    size_t key;
  };
  using Origin = std::variant<Place, ForPeer, ForGatherer, ForWalk>;
  // An operation in parts, one a key.
  struct Gatherer {
    Origin origin;
    resp::Protocol protocol;
    const Command* command;
    std::vector<std::string> replies;
    size_t missing;
    bool uncommitted = false;
  };
  struct Walk {
    Place place;
    Coordination::Terms terms;
    KeyspaceWalk walk;
    std::vector<std::string> replies;  // about keys
    size_t missing = 0;
    bool uncommitted = false;
  };
  struct Wait {
    Place place;
    const cluster::SessionContext* session;
    resp::Protocol protocol;
  };
  struct Verifying {
    Place place;
    resp::Protocol protocol;
  };
  struct Forwarded {
    Origin origin;
    cluster::NodeId to;
    const Command* command;
    Coordination::Terms terms;  // its session: of an operation on one key
    int64_t sent_us;
    int64_t nudged_us = 0;  // 0: it has not been yet
    std::string key;
    std::vector<std::string> arguments;  // of a read
    bool reads() const { return !arguments.empty(); }
  };

  void Scatter(const Origin& origin, const Command& command, Args args,
               const Coordination::Terms& terms, Now now);
  void BeginAt(cluster::NodeId coordinator, const Origin& origin, const Command& command, Args args,
               const Coordination::Terms& terms, Now now, const cluster::Seen* seen = nullptr);
  void ForwardTo(cluster::NodeId coordinator, const Origin& origin, const Command& command,
                 Args args, const Coordination::Terms& terms, Now now);
  void OnForward(cluster::NodeId from, const cluster::Forward& message, Now now);
  void OnForwardReply(cluster::NodeId from, const cluster::ForwardReply& message, Now now);
  // `call`: of this node, whose gateway hears of more than the reply.
  void Deliver(const Origin& origin, std::string bytes, bool uncommitted, Now now,
               const Coordination::Finished* call = nullptr);
  void DeliverToPeer(const ForPeer& peer, std::string bytes, const Coordination::Finished* call);
  void DeliverPart(const ForGatherer& part, std::string bytes, bool uncommitted, Now now);
  void OnListed(const cluster::Node::ListDone& done, Now now);
  void OnAnsweredAbout(const ForWalk& key, std::string bytes, bool uncommitted, Now now);
  void Go(uint64_t walk, KeyspaceWalk::Step step, Now now);
  void Ask(uint64_t walk, const KeyspaceWalk::Ask& ask, Now now);
  void EndWalk(uint64_t walk, std::string reply);
  void OnWaited(cluster::RequestId id, size_t replicas);
  void OnVerified(const cluster::Node::VerifyDone& done);
  void ForgetAnswered();
  // Half an rpc timeout has passed: the coordinator is asked for a sign of life. If it gives none
  // in the other half, it is passed over from here on.
  void Nudge(uint64_t sequence, Now now);
  void OnSilence(uint64_t sequence, Now now);
  void SendElsewhere(Forwarded call, Now now);
  // The coordinator is lost, or has not answered in time.
  void LoseForwarded(uint64_t sequence, Now now);
  bool TakeEvents(Now now);
  // Monotonic times of what is due next about those that were passed on.
  int64_t UntilNudge() const;
  int64_t UntilSilence() const;
  int64_t UntilLost() const;

  ClusterOptions options_;
  WatchTable& watches_;
  cluster::Node node_;
  Coordination coordination_;
  boost::unordered_flat_map<CallId, Origin> origins_;
  std::map<uint64_t, Forwarded> forwarded_;
  // Of those, in order: sent less than half an rpc timeout ago, and since then less than a whole.
  std::deque<uint64_t> unanswered_;
  std::deque<uint64_t> nudged_;
  std::map<cluster::NodeId, RememberedReplies> remembered_;
  std::map<uint64_t, Gatherer> gatherers_;
  std::map<uint64_t, Walk> walks_;
  std::map<cluster::RequestId, uint64_t> listings_;  // the walk that waits for each
  std::map<cluster::RequestId, Wait> waits_;
  std::map<cluster::RequestId, Verifying> verifying_;
  uint64_t next_gatherer_ = 1;  // or walk
  uint64_t next_sequence_;
  Hops hops_;
  std::vector<Reply> replies_;
  std::vector<size_t> key_indexes_;  // scratch, reused
};

cluster::Time TimeOf(Now now);

}  // namespace cartwheel::server
