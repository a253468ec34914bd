#include "tests/sim/network.h"

#include <algorithm>

namespace cartwheel::sim {
namespace {

// A network in one building: 100 to 500 us, and one packet in fifty is sent again after a while.
constexpr int64_t kDelayUs = 100;
constexpr uint64_t kJitterUs = 400;
constexpr uint64_t kResentPercent = 2;
constexpr uint64_t kResentUs = 200'000;
// However slow hosts are: what was sent must have come some time after they have healed.
constexpr int64_t kLongestDelayUs = 5'000'000;
// How long a stalled stream is held on to.
constexpr int64_t kPatienceUs = 500'000;
constexpr uint64_t kMorePatienceUs = 8'000'000;
constexpr uint64_t kSplitPercent = 10;
// Of datagrams.
constexpr uint64_t kLostPercent = 3;
constexpr uint64_t kRepeatedPercent = 1;

}  // namespace

int64_t Network::Delay(Host from, Host to) {
  int64_t delay_us = kDelayUs + static_cast<int64_t>(random_.Below(kJitterUs));
  if (random_.Percent(kResentPercent)) delay_us += static_cast<int64_t>(random_.Below(kResentUs));
  for (const Host host : {from, to}) {
    if (const auto slow = slowness_.find(host); slow != slowness_.end()) delay_us *= slow->second;
  }
  return std::min(delay_us, kLongestDelayUs);
}

ConnectionId Network::Dial(Host from, Host to, bool between_nodes) {
  if (!Reaches(from, to) || !Reaches(to, from)) return 0;
  const ConnectionId id = next_id_++;
  connections_[id] = {.id = id, .dialler = from, .acceptor = to, .between_nodes = between_nodes};
  scheduler_.After(Delay(from, to) + Delay(to, from), Established{id});
  return id;
}

Connection* Network::Find(ConnectionId id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : &found->second;
}

std::vector<ConnectionId> Network::ConnectionsOf(Host host) const {
  std::vector<ConnectionId> ids;
  for (const auto& [id, connection] : connections_) {
    if (connection.dialler == host || connection.acceptor == host) ids.push_back(id);
  }
  return ids;
}

void Network::Send(Connection& connection, bool forward, std::string bytes) {
  const int64_t delay_us = Delay(connection.From(forward), connection.To(forward));
  // Readers must not count on getting what was written together in one piece.
  if (bytes.size() > 1 && random_.Percent(kSplitPercent)) {
    const size_t cut = 1 + random_.Below(bytes.size() - 1);
    Schedule(connection, forward, bytes.substr(0, cut), delay_us);
    bytes.erase(0, cut);
  }
  Schedule(connection, forward, std::move(bytes), delay_us);
}

void Network::Schedule(Connection& connection, bool forward, std::string bytes, int64_t delay_us) {
  Connection::Stream& stream = connection.stream(forward);
  stream.under_way.push_back(std::move(bytes));
  stream.last_arrival_us = std::max(stream.last_arrival_us, scheduler_.now_us() + delay_us);
  scheduler_.At(stream.last_arrival_us, Arrival{connection.id, forward});
}

void Network::SendDatagram(Host from, Host to, const std::string& bytes) {
  if (!Reaches(from, to) || random_.Percent(kLostPercent)) return;
  const int copies = random_.Percent(kRepeatedPercent) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    scheduler_.After(Delay(from, to), DatagramArrives{from, to, bytes});
  }
}

// An arrival is of whatever is first under way, so that nothing overtakes what was stuck.
std::optional<std::string> Network::Receive(const Arrival& arrival) {
  Connection* connection = Find(arrival.connection);
  if (connection == nullptr) return std::nullopt;
  Connection::Stream& stream = connection->stream(arrival.forward);
  if (Reaches(connection->From(arrival.forward), connection->To(arrival.forward))) {
    std::string bytes = std::move(stream.under_way.front());
    stream.under_way.pop_front();
    if (connection->closed_by == connection->To(arrival.forward)) return std::nullopt;
    return bytes;
  }
  if (stream.stuck++ == 0) {
    // Odd for one direction, even for the other.
    stream.stall += stream.stall == 0 && arrival.forward ? 1 : 2;
    const auto more_us = static_cast<int64_t>(random_.Below(kMorePatienceUs));
    scheduler_.After(kPatienceUs + more_us, GiveUp{connection->id, stream.stall});
  }
  return std::nullopt;
}

bool Network::HasGivenUp(const GiveUp& event) {
  Connection* connection = Find(event.connection);
  if (connection == nullptr) return false;
  const Connection::Stream& stream = connection->stream(event.stall % 2 == 1);
  return stream.stall == event.stall && stream.stuck > 0;
}

void Network::Close(ConnectionId id, Host by, bool told) {
  Connection* connection = Find(id);
  if (connection == nullptr || connection->closed_by == by) return;
  if (connection->closed_by) {
    connections_.erase(id);
    return;
  }
  connection->closed_by = by;
  const Host other = connection->dialler == by ? connection->acceptor : connection->dialler;
  int64_t at_us = scheduler_.now_us() + Delay(by, other);
  if (!told || !Reaches(by, other)) {
    at_us += kPatienceUs + static_cast<int64_t>(random_.Below(kMorePatienceUs));
  }
  at_us = std::max(at_us, connection->stream(by == connection->dialler).last_arrival_us);
  scheduler_.At(at_us, Hangup{id, other});
}

void Network::Heal() {
  blocked_.clear();
  slowness_.clear();
  for (auto& [id, connection] : connections_) {
    for (const bool forward : {true, false}) {
      Connection::Stream& stream = connection.stream(forward);
      const Host from = connection.From(forward);
      for (; stream.stuck > 0; --stream.stuck) {
        stream.last_arrival_us = std::max(
            stream.last_arrival_us, scheduler_.now_us() + Delay(from, connection.To(forward)));
        scheduler_.At(stream.last_arrival_us, Arrival{id, forward});
      }
    }
  }
}

}  // namespace cartwheel::sim
