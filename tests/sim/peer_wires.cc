#include "tests/sim/peer_wires.h"

#include "cluster/message_codec.h"

namespace cartwheel::sim {
namespace {

using Verdict = cluster::LinkPair::Verdict;

constexpr int64_t kRedialUs = 100'000;
constexpr uint64_t kMoreRedialUs = 200'000;
constexpr int64_t kHandshakeUs = 3'000'000;
constexpr uint64_t kMostLives = 1'000'000;

}  // namespace

void PeerWires::Start(Host node, uint64_t life, size_t nodes) {
  lives_[node] = life;
  for (Host other = 0; other < nodes; ++other) {
    if (other == node) continue;
    sides_[{node, other}] = {};
    DialSoon(node, other, 0);
  }
}

void PeerWires::End(Host node) {
  lives_.erase(node);
  std::erase_if(sides_, [node](const auto& side) { return side.first.first == node; });
}

uint64_t PeerWires::BootNonce(Host node) const {
  return node * kMostLives + lives_.at(node);
}

void PeerWires::DialSoon(Host from, Host to, int64_t at_least_us) {
  scheduler_.After(at_least_us + static_cast<int64_t>(random_.Below(kMoreRedialUs)),
                   DialPeer{from, to, lives_.at(from)});
}

void PeerWires::OnDial(const DialPeer& event) {
  const auto life = lives_.find(event.from);
  if (life == lives_.end() || life->second != event.life) return;
  Side& side = sides_.at({event.from, event.to});
  if (side.outgoing != 0) return;
  side.outgoing = Runs(event.to) ? network_.Dial(event.from, event.to, true) : 0;
  if (side.outgoing == 0) return DialSoon(event.from, event.to, kRedialUs);
  scheduler_.After(kHandshakeUs, HandshakeEnds{side.outgoing});
}

// Who dialled that connection is still there and wants it.
bool PeerWires::IsWanted(const Connection& connection) const {
  const Host node = connection.acceptor;
  const Host peer = connection.dialler;
  return Runs(node) && Runs(peer) && sides_.at({peer, node}).outgoing == connection.id;
}

void PeerWires::OnEstablished(const Connection& connection) {
  // Otherwise the Hello is lost; the dialler gives up after a while.
  if (!IsWanted(connection) || !network_.Reaches(connection.dialler, connection.acceptor)) return;
  scheduler_.After(network_.Delay(connection.acceptor, connection.dialler),
                   Answered{connection.id});
}

void PeerWires::OnProven(const Connection& connection) {
  if (!IsWanted(connection)) return;
  const Host peer = connection.dialler;
  const Host node = connection.acceptor;
  Side& side = sides_.at({node, peer});
  cluster::LinkPair pair = side.pair;
  const Verdict verdict = pair.OnIncoming(BootNonce(peer), scheduler_.now_us());
  if (verdict == Verdict::kCloned) return network_.Close(connection.id, node, true);
  side.pair.LostIncoming();
  Update(node, peer);
  DropIncoming(node, peer);
  side.incoming = connection.id;
  side.pair = pair;
  if (verdict == Verdict::kReplacesOther) DropOutgoing(node, peer);
  DialSoon(node, peer, 0);
  Update(node, peer);
}

void PeerWires::OnAnswered(Connection& connection) {
  const Host node = connection.dialler;
  const Host peer = connection.acceptor;
  if (!Runs(node) || !Runs(peer) || connection.closed_by) return;
  Side& side = sides_.at({node, peer});
  if (side.outgoing != connection.id || !network_.Reaches(peer, node)) return;
  const Verdict verdict = side.pair.OnOutgoing(BootNonce(peer), scheduler_.now_us());
  if (verdict == Verdict::kCloned) return DropOutgoing(node, peer);
  if (verdict == Verdict::kReplacesOther) DropIncoming(node, peer);
  side.answered = true;
  // What it proves is of no matter here, but that it comes before the messages.
  std::string proof;
  cluster::AppendFrame(cluster::Proof{}, proof);
  network_.Send(connection, true, std::move(proof));
  Update(node, peer);
}

void PeerWires::OnTooLate(const Connection& connection) {
  const auto side = sides_.find({connection.dialler, connection.acceptor});
  if (side == sides_.end() || side->second.outgoing != connection.id) return;
  if (!side->second.answered) DropOutgoing(connection.dialler, connection.acceptor);
}

void PeerWires::DropOutgoing(Host node, Host peer) {
  Side& side = sides_.at({node, peer});
  side.pair.LostOutgoing();
  side.answered = false;
  const ConnectionId id = std::exchange(side.outgoing, 0);
  if (id == 0) return;
  network_.Close(id, node, true);
  Update(node, peer);
  DialSoon(node, peer, kRedialUs);
}

void PeerWires::DropIncoming(Host node, Host peer) {
  Side& side = sides_.at({node, peer});
  side.held.clear();
  const ConnectionId id = std::exchange(side.incoming, 0);
  if (id != 0) network_.Close(id, node, true);
}

void PeerWires::OnLost(const Connection& connection, Host at) {
  if (!Runs(at)) return;
  const Host peer = at == connection.dialler ? connection.acceptor : connection.dialler;
  Side& side = sides_.at({at, peer});
  if (side.outgoing == connection.id) return DropOutgoing(at, peer);
  if (side.incoming != connection.id) return;
  DropIncoming(at, peer);
  side.pair.LostIncoming();
  Update(at, peer);
}

void PeerWires::Update(Host node, Host peer) {
  Side& side = sides_.at({node, peer});
  const bool up = side.pair.up();
  if (up == side.told_up) return;
  side.told_up = up;
  if (!up) {
    inputs_.emplace_back(node, Node::PeerIsDown{peer});
    return;
  }
  if (met_.insert({node, peer}).second) last_met_us_ = scheduler_.now_us();
  inputs_.emplace_back(node, Node::PeerIsUp{peer});
  for (std::string& frame : std::exchange(side.held, {})) {
    inputs_.emplace_back(node, Node::FromPeer{peer, std::move(frame)});
  }
}

void PeerWires::OnFrame(const Connection& connection, std::string frame) {
  const Host node = connection.acceptor;
  if (!Runs(node)) return;
  Side& side = sides_.at({node, connection.dialler});
  if (side.incoming != connection.id) return;
  side.pair.Heard(scheduler_.now_us());
  if (side.told_up) {
    inputs_.emplace_back(node, Node::FromPeer{connection.dialler, std::move(frame)});
  } else {
    side.held.push_back(std::move(frame));
  }
}

ConnectionId PeerWires::WireTo(Host node, Host peer) const {
  const auto side = sides_.find({node, peer});
  return side != sides_.end() && side->second.told_up ? side->second.outgoing : 0;
}

}  // namespace cartwheel::sim
