#include "server/uv_peers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cluster/join.h"
#include "cluster/message_codec.h"
#include "cluster/node_name.h"
#include "server/log.h"
#include "server/process.h"
#include "server/uv_datagrams.h"
#include "server/uv_loop.h"
#include "server/uv_peer_link.h"
#include "server/uv_peer_listener.h"
#include "server/uv_question.h"
#include "storage/check.h"

namespace cartwheel::server {
namespace {

using Verdict = cluster::LinkPair::Verdict;

std::string NameOf(const ClusterMember& member) {
  return fmt::format("node {} ({})", cluster::Text(member.id), member.Address());
}

std::string RunsTwice(cluster::NodeId id) {
  return fmt::format(
      "node {0} runs twice: its data directory was copied, or cluster-self {0} is set in two "
      "places",
      cluster::Text(id));
}

}  // namespace

UvPeers::UvPeers(UvLoop& loop, ClusterConfig config, uint64_t boot_nonce, uint64_t seed)
    : loop_(loop), config_(std::move(config)), seed_(seed) {
  own_ = {.cluster_id = config_.cluster_id,
          .node = config_.self,
          .boot_nonce = boot_nonce,
          .client_port = static_cast<uint16_t>(config_.client_port),
          .client_host = config_.client_host};
  if (config_.forms) {
    own_.node = loop_.server().gateway()->options().self;
    config_.self = own_.node;
  }
  listener_ = std::make_unique<UvPeerListener>(loop, *this);
  datagrams_ = std::make_unique<UvDatagrams>(loop);
}

cluster::Hello UvPeers::NewHello() const {
  cluster::Hello hello = own_;
  hello.challenge = NewChallenge();
  return hello;
}

std::vector<cluster::NodeId> UvPeers::MemberIds() const {
  std::vector<cluster::NodeId> ids;
  ids.reserve(config_.members.size());
  for (const ClusterMember& member : config_.members) ids.push_back(member.id);
  return ids;
}

UvPeers::~UvPeers() = default;

std::expected<void, std::string> UvPeers::Start() {
  const int backlog = loop_.server().config().tcp_backlog;
  if (auto done = listener_->Listen(config_.bind, config_.port, backlog); !done) return done;
  const sockaddr_storage address = listener_->address();
  if (auto done = datagrams_->Listen(reinterpret_cast<const sockaddr&>(address)); !done) {
    return std::unexpected(
        fmt::format("cannot listen for the cluster's datagrams (UDP) on {}:{}: {}", config_.bind,
                    config_.port, done.error()));
  }
  if (config_.forms) {
    TakeTopology();
    LogNotice(fmt::format("listens for other nodes on {}:{}", config_.bind, config_.port));
  } else {
    LogNotice(fmt::format("this is {} of {} in the cluster", NameOf(config_.member(config_.self)),
                          config_.members.size()));
    for (const ClusterMember& member : config_.members) {
      if (member.id != config_.self) Add(member);
    }
  }
  return {};
}

void UvPeers::Stop() {
  listener_->Stop();
  datagrams_->Stop();
  for (Peer& peer : peers_) peer.link->Stop();
  for (UvQuestion* question : std::exchange(questions_, {})) question->Stop();
}

// ---- members that come and go

void UvPeers::Add(const ClusterMember& member) {
  const auto at = std::ranges::lower_bound(peers_, member.id, {},
                                           [](const Peer& peer) { return peer.member.id; });
  Peer& peer = *peers_.insert(
      at, {.member = member, .link = std::make_unique<UvPeerLink>(loop_, *this, member, ++seed_)});
  peer.link->DialNow();
}

void UvPeers::Retire(Peer& peer) {
  if (std::exchange(peer.told_up, false)) loop_.server().PeerDown(peer.member.id, loop_.now());
  if (peer.incoming != nullptr) std::exchange(peer.incoming, nullptr)->Close();
  peer.link->Stop();
  retired_.push_back(std::move(peer.link));
}

void UvPeers::TakeTopology() {
  const ClusterOptions& options = loop_.server().gateway()->options();
  const bool other_cluster =
      std::exchange(own_.cluster_id, options.cluster_id) != options.cluster_id;
  config_.members.clear();
  for (const auto& [id, address] : options.listed) {
    config_.members.push_back({.id = id, .host = address.host, .port = address.port});
  }
  std::erase_if(peers_, [&](Peer& peer) {
    const auto still = std::ranges::find(config_.members, peer.member);
    if (!other_cluster && still != config_.members.end()) return false;
    Retire(peer);
    return true;
  });
  for (const ClusterMember& member : config_.members) {
    const bool known = std::ranges::any_of(
        peers_, [&member](const Peer& peer) { return peer.member.id == member.id; });
    if (!known && member.id != config_.self) Add(member);
  }
}

void UvPeers::AskAround() {
  constexpr uint64_t kTimeoutMs = 1000;
  for (cluster::Membership::Ask& ask : loop_.server().forming()->TakeAsks()) {
    const std::string question = cluster::EncodeJoin(ask.request, config_.join_key);
    std::string frame;
    cluster::AppendFrame(cluster::JoinTalk{question}, frame);
    questions_.insert(UvQuestion::Ask(loop_, *this, ask.to, std::move(frame), kTimeoutMs));
  }
}

std::expected<std::string, std::string> UvPeers::Answer(std::string_view question,
                                                        const std::string& from_host) {
  Forming* const forming = loop_.server().forming();
  if (forming == nullptr) {
    return std::unexpected("it asks to be let in, and the members are those of cluster-nodes");
  }
  const auto decoded = cluster::DecodeJoin(question, config_.join_key);
  if (!decoded) return std::unexpected(decoded.error());
  const auto* const request = std::get_if<cluster::JoinRequest>(&*decoded);
  if (request == nullptr) return std::unexpected("it answers what nobody asked");
  const cluster::JoinReply reply = forming->OnRequest(*request, from_host, loop_.now());
  const std::string answer = cluster::EncodeJoin(reply, config_.join_key);
  std::string frame;
  cluster::AppendFrame(cluster::JoinTalk{answer}, frame);
  return frame;
}

void UvPeers::OnQuestionOver(UvQuestion& question, std::string_view answer,
                             const std::string& reason) {
  questions_.erase(&question);
  Forming* const forming = loop_.server().forming();
  std::string why = reason;
  if (!answer.empty()) {
    const auto decoded = cluster::DecodeJoin(answer, config_.join_key);
    const auto* const reply = decoded ? std::get_if<cluster::JoinReply>(&*decoded) : nullptr;
    if (reply != nullptr) return forming->Replied(question.to(), *reply, loop_.now());
    why = decoded ? "it asks instead of answering" : decoded.error();
  }
  forming->NotAnswered(question.to(), loop_.now());
  const std::string line =
      fmt::format("the node at {} cannot be asked: {}", cluster::Text(question.to()), why);
  if (!forming->formed() && told_.IsNews(line, loop_.now().monotonic_us)) LogWarning(line);
}

void UvPeers::SendDatagrams() {
  for (const cluster::Gossip::Datagram& datagram : loop_.server().TakeDatagrams()) {
    const auto peer =
        std::ranges::find(peers_, datagram.to, [](const Peer& each) { return each.member.id; });
    const sockaddr* const to = peer == peers_.end() ? nullptr : peer->link->reached();
    if (to != nullptr) datagrams_->Send(*to, datagram.bytes);
  }
}

void UvPeers::Flush() {
  Server& server = loop_.server();
  SendDatagrams();
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
  if (server.forming() == nullptr) return;
  if (server.forming()->TakeAdopted()) TakeTopology();
  AskAround();
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
  // The connection knows who was a member when it was accepted.
  const bool is_peer = std::ranges::any_of(
      peers_, [&hello](const Peer& each) { return each.member.id == hello.node; });
  if (!is_peer || hello.cluster_id != own_.cluster_id) {
    return "who the members are has changed since it dialled";
  }
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
    peer.link->OnPeerUp();
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
