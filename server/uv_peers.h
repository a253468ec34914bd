// The transport between the nodes: the listener, a link to every other member, and what the server
// is told of them.
//
// A peer is up while both directions are (cluster/link_pair.h). Only then does the server get its
// messages, and only then are any sent.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/link_pair.h"
#include "cluster/message.h"
#include "server/cluster_config.h"
#include "server/repeated_lines.h"

namespace cartwheel::server {

class UvDatagrams;
class UvLoop;
class UvPeerIncoming;
class UvPeerLink;
class UvPeerListener;
class UvQuestion;

class UvPeers {
 public:
  // `boot_nonce`: of this start. `seed`: of the waits between attempts. Must outlive the run of the
  // loop in which its handles are closed.
  UvPeers(UvLoop& loop, ClusterConfig config, uint64_t boot_nonce, uint64_t seed);
  ~UvPeers();
  UvPeers(const UvPeers&) = delete;
  UvPeers& operator=(const UvPeers&) = delete;

  // What this node says first on a new connection, who may say it to it, ascending, and what both
  // are to prove that they know.
  cluster::Hello NewHello() const;
  std::vector<cluster::NodeId> MemberIds() const;
  const cluster::Mac& link_key() const { return config_.link_key; }

  // Listens and begins to dial. The error says why it cannot listen.
  std::expected<void, std::string> Start();
  // After the turn's commit: sends what the server has for the peers, one write each, asks whom it
  // wants to be asked, and takes over who its peers are, where they come and go.
  void Flush();
  void Stop();

  // --- For links and connections
  // ------------------------------------------------------------------------------------------

  // A Hello was good, and proven. The answer: why the connection is to be closed nevertheless.
  std::optional<std::string> OnOutgoing(UvPeerLink& link, const cluster::Hello& hello);
  std::optional<std::string> OnIncoming(UvPeerIncoming& connection, const cluster::Hello& hello);
  // The peer's connection may be spoken on.
  void OnIncomingReady(cluster::NodeId peer);
  void OnOutgoingLost(UvPeerLink& link, bool was_established, const std::string& reason);
  void OnIncomingLost(UvPeerIncoming& connection, cluster::NodeId peer, const std::string& reason);
  void OnOutgoingSent(UvPeerLink& link);
  void OnHeard(cluster::NodeId peer);
  // Somebody who is no member asks; the answer to send, or why there is none.
  std::expected<std::string, std::string> Answer(std::string_view question,
                                                 const std::string& from_host);
  void OnQuestionOver(UvQuestion& question, std::string_view answer, const std::string& reason);
  // A connection from that address that is nobody's.
  void LogRefused(std::string_view from, std::string_view reason);

 private:
  struct Peer {
    ClusterMember member;
    std::unique_ptr<UvPeerLink> link;
    UvPeerIncoming* incoming = nullptr;
    cluster::LinkPair links{};
    bool told_up = false;  // to the server
  };

  void TakeTopology();
  void Add(const ClusterMember& member);
  void Retire(Peer& peer);
  void AskAround();
  void SendDatagrams();
  Peer& Find(cluster::NodeId id);
  // Tells the server when the peer has come up or gone down.
  void Update(Peer& peer, std::string_view reason);
  void LogAttempt(const Peer& peer, std::string_view reason);

  UvLoop& loop_;
  ClusterConfig config_;
  cluster::Hello own_;  // without a challenge
  uint64_t seed_;
  std::unique_ptr<UvPeerListener> listener_;
  std::unique_ptr<UvDatagrams> datagrams_;
  std::vector<Peer> peers_;  // in the order of their ids
  // Of those that are no members any more, or are elsewhere: stopped.
  std::vector<std::unique_ptr<UvPeerLink>> retired_;
  std::set<UvQuestion*> questions_;
  RepeatedLines told_;
};

}  // namespace cartwheel::server
