#include "server/uv_peers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "server/log.h"
#include "server/uv_loop.h"
#include "server/uv_peer_link.h"
#include "server/uv_peer_listener.h"
#include "storage/check.h"

namespace cartwheel::server {
namespace {

using Verdict = cluster::LinkPair::Verdict;

std::string NameOf(const ClusterMember& member) {
  return fmt::format("node {} ({})", static_cast<uint64_t>(member.id), member.Address());
}

std::string RunsTwice(cluster::NodeId id) {
  return fmt::format(
      "node {0} runs twice: its data directory was copied, or cluster-self {0} is set in two "
      "places",
      static_cast<uint64_t>(id));
}

}  // namespace

UvPeers::UvPeers(UvLoop& loop, ClusterConfig config, uint64_t boot_nonce, uint64_t seed)
    : loop_(loop), config_(std::move(config)) {
  const cluster::Hello own{.cluster_id = config_.cluster_id,
                           .node = config_.self,
                           .boot_nonce = boot_nonce,
                           .client_port = static_cast<uint16_t>(config_.client_port),
                           .client_host = config_.client_host};
  std::vector<cluster::NodeId> ids;
  for (const ClusterMember& member : config_.members) {
    ids.push_back(member.id);
    if (member.id == config_.self) continue;
    peers_.push_back(
        {.member = member,
         .link = std::make_unique<UvPeerLink>(loop, *this, own, member, seed + peers_.size())});
  }
  listener_ = std::make_unique<UvPeerListener>(loop, *this, own, std::move(ids));
}

UvPeers::~UvPeers() = default;

std::expected<void, std::string> UvPeers::Start() {
  const ClusterMember& self = config_.member(config_.self);
  const int backlog = loop_.server().config().tcp_backlog;
  if (auto done = listener_->Listen(config_.bind, self.port, backlog); !done) return done;
  LogNotice(fmt::format("this is {} of {} in the cluster", NameOf(self), config_.members.size()));
  for (Peer& peer : peers_) peer.link->DialNow();
  return {};
}

void UvPeers::Stop() {
  listener_->Stop();
  for (Peer& peer : peers_) peer.link->Stop();
}

void UvPeers::Flush() {
  Server& server = loop_.server();
  const std::span<const cluster::NodeId> touched = server.touched_peers();
  for (const cluster::NodeId id : std::vector<cluster::NodeId>(touched.begin(), touched.end())) {
    std::string bytes = server.TakePeerOutput(id);
    Peer& peer = Find(id);
    // Said before the server heard that it is down: the connection that it was meant for is gone.
    if (!peer.told_up) continue;
    if (peer.link->unsent_bytes() + bytes.size() > config_.link_sendbuf_limit) {
      peer.link->BreakSoon("it does not take what is sent to it, cluster-link-sendbuf-limit");
    } else {
      peer.link->Send(std::move(bytes));
    }
    server.PeerBacklog(id, peer.link->unsent_bytes());
  }
}

std::optional<std::string> UvPeers::OnOutgoing(UvPeerLink& link, const cluster::Hello& hello) {
  Peer& peer = Find(link.member().id);
  const Verdict verdict = peer.links.OnOutgoing(hello.boot_nonce, loop_.now().monotonic_us);
  if (verdict == Verdict::kCloned) return RunsTwice(hello.node);
  if (verdict == Verdict::kReplacesOther) std::exchange(peer.incoming, nullptr)->Close();
  loop_.server().LearnClientAddress(hello.node, {hello.client_host, hello.client_port});
  Update(peer, "it has started anew");
  return std::nullopt;
}

std::optional<std::string> UvPeers::OnIncoming(UvPeerIncoming& connection,
                                               const cluster::Hello& hello) {
  Peer& peer = Find(hello.node);
  // So that the server hears of the break: what came before on an earlier one may be incomplete.
  cluster::LinkPair without = peer.links;
  const int64_t now_us = loop_.now().monotonic_us;
  const Verdict verdict = without.OnIncoming(hello.boot_nonce, now_us);
  if (verdict == Verdict::kCloned) return RunsTwice(hello.node);
  peer.links.LostIncoming();
  Update(peer, "it has dialled anew");
  if (peer.incoming != nullptr) peer.incoming->Close();
  peer.incoming = &connection;
  peer.links = without;
  if (verdict == Verdict::kReplacesOther) peer.link->BreakSoon("it has started anew");
  return std::nullopt;
}

void UvPeers::OnIncomingReady(cluster::NodeId id) {
  Peer& peer = Find(id);
  peer.link->DialNow();
  Update(peer, "");
}

void UvPeers::OnOutgoingLost(UvPeerLink& link, bool was_established, const std::string& reason) {
  Peer& peer = Find(link.member().id);
  if (was_established) peer.links.LostOutgoing();
  if (peer.told_up) {
    Update(peer, reason);
  } else {
    LogAttempt(peer, reason);
  }
}

void UvPeers::OnIncomingLost(UvPeerIncoming& connection, cluster::NodeId id,
                             const std::string& reason) {
  Peer& peer = Find(id);
  if (peer.incoming != &connection) return;
  peer.incoming = nullptr;
  peer.links.LostIncoming();
  Update(peer, reason);
}

void UvPeers::OnOutgoingSent(UvPeerLink& link) {
  loop_.server().PeerBacklog(link.member().id, link.unsent_bytes());
}

void UvPeers::OnHeard(cluster::NodeId id) {
  Find(id).links.Heard(loop_.now().monotonic_us);
}

void UvPeers::Update(Peer& peer, std::string_view reason) {
  const bool up = peer.links.up();
  if (up == peer.told_up) return;
  peer.told_up = up;
  Server& server = loop_.server();
  if (up) {
    LogNotice(NameOf(peer.member) + " is linked");
    peer.link->ResetBackoff();
    server.PeerUp(peer.member.id, loop_.now());
  } else {
    LogWarning(fmt::format("{} is not linked any more: {}", NameOf(peer.member), reason));
    server.PeerDown(peer.member.id, loop_.now());
  }
  // Last, as it may find out that the connection is of no use.
  if (peer.incoming != nullptr) peer.incoming->SetPeerUp(up);
}

UvPeers::Peer& UvPeers::Find(cluster::NodeId id) {
  const auto found =
      std::ranges::lower_bound(peers_, id, {}, [](const Peer& peer) { return peer.member.id; });
  storage::Check(found != peers_.end() && found->member.id == id, "it is another member");
  return *found;
}

void UvPeers::LogAttempt(const Peer& peer, std::string_view reason) {
  const std::string line = fmt::format("{} cannot be linked yet: {}", NameOf(peer.member), reason);
  if (told_.IsNews(line, loop_.now().monotonic_us)) LogWarning(line);
}

void UvPeers::LogRefused(std::string_view from, std::string_view reason) {
  const std::string line = fmt::format("cluster connection from {} refused: {}", from, reason);
  if (told_.IsNews(line, loop_.now().monotonic_us)) LogWarning(line);
}

}  // namespace cartwheel::server
