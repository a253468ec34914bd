#include "server/forming.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cluster/join.h"
#include "cluster/membership_store.h"
#include "cluster/register_codec.h"
#include "server/cluster_errors.h"
#include "server/log.h"

namespace cartwheel::server {
namespace {

using cluster::Membership;

// Over a link, whose ends know each other.
constexpr std::array<uint8_t, 32> kBetweenMembers{};

}  // namespace

Membership::Options MembershipOptionsOf(const ClusterConfig& config, cluster::NodeId self,
                                        uint64_t boot_nonce) {
  Membership::Options options;
  options.self = self;
  options.boot_nonce = boot_nonce;
  options.seeds = config.join;
  const int port = config.announced_port != 0 ? config.announced_port : config.port;
  options.address = {.host = config.announced_host, .port = static_cast<uint16_t>(port)};
  // Where it listens is where it is found, unless it listens everywhere.
  const bool anywhere = config.bind == "*" || config.bind == "0.0.0.0" || config.bind == "::";
  const bool listed = std::ranges::any_of(
      config.join, [port](const auto& address) { return address.port == port; });
  const bool known = !options.address.host.empty() || anywhere || listed;
  if (!known) options.address.host = config.bind;
  options.zone = config.zone;
  options.weight = config.weight;
  options.n = config.levels.n;
  options.auto_commit = config.auto_commit;
  options.levels = config.levels;
  return options;
}

Forming::Forming(const FormingOptions& options, uint64_t seed, cluster::LocalStore& store,
                 Gateway& gateway)
    : membership_(options.membership, options.stored, seed), store_(store), gateway_(gateway) {}

std::string_view Forming::WhyUnformed() const {
  return membership_.is_taken_out() ? kTakenOut : kUnformed;
}

bool Forming::HoldsKeys() const {
  for (cluster::Database database = 0; database < cluster::kMaxDatabases; ++database) {
    if (store_.counts(database).keys > 0) return true;
  }
  return false;
}

// ---- inputs

void Forming::Meet(const cluster::NodeAddress& address) {
  membership_.Meet(address);
}

std::string Forming::WhyNotJoin() {
  membership_.SetHoldsKeys(HoldsKeys());
  return membership_.WhyNotJoin();
}

std::string Forming::Commit(Now now) {
  membership_.SetHoldsKeys(HoldsKeys());
  return membership_.Commit(now.monotonic_us);
}

std::string Forming::Forget(cluster::NodeId node, Now now) {
  membership_.SetHoldsKeys(HoldsKeys());
  return membership_.Forget(node, now.monotonic_us);
}

std::string Forming::Leave(cluster::NodeId node, Now now) {
  membership_.SetHoldsKeys(HoldsKeys());
  return membership_.Leave(node, now.monotonic_us);
}

std::string Forming::Reweight(cluster::NodeId node, uint32_t weight, Now now) {
  membership_.SetHoldsKeys(HoldsKeys());
  return membership_.Reweight(node, weight, now.monotonic_us);
}

std::string Forming::Replace(cluster::NodeId old, cluster::NodeId by, Now now) {
  membership_.SetHoldsKeys(HoldsKeys());
  return membership_.Replace(old, by, now.monotonic_us);
}

std::string Forming::Cancel(Now now) {
  return membership_.Cancel(now.monotonic_us);
}

// Each time with what the turn has changed so far: a node that holds keys gives up nothing.
cluster::JoinReply Forming::OnRequest(const cluster::JoinRequest& request,
                                      const std::string& from_host, Now now) {
  membership_.SetHoldsKeys(HoldsKeys());
  return membership_.OnRequest(request, from_host, now.monotonic_us);
}

void Forming::Replied(const cluster::NodeAddress& to, const cluster::JoinReply& reply, Now now) {
  membership_.SetHoldsKeys(HoldsKeys());
  membership_.Replied(to, reply, now.monotonic_us);
}

void Forming::NotAnswered(const cluster::NodeAddress& to, Now now) {
  membership_.NotAnswered(to, now.monotonic_us);
}

void Forming::OnMessage(cluster::NodeId from, const cluster::Message& message, Now now) {
  if (const auto* news = std::get_if<cluster::MemberNews>(&message)) {
    membership_.OnNews(from, *news);
  } else if (const auto* talk = std::get_if<cluster::RegisterTalk>(&message)) {
    const auto decoded = cluster::DecodeRegisterMessage(talk->bytes);
    if (decoded) membership_.OnRegister(from, *decoded, now.monotonic_us);
    if (!decoded) LogWarning("a member sent " + decoded.error());
  } else if (const auto* passed = std::get_if<cluster::JoinTalk>(&message)) {
    membership_.SetHoldsKeys(HoldsKeys());
    const auto decoded = cluster::DecodeJoin(passed->bytes, kBetweenMembers);
    const auto* const request = decoded ? std::get_if<cluster::JoinRequest>(&*decoded) : nullptr;
    if (request != nullptr) membership_.OnPassedOn(*request, now.monotonic_us);
  }
}

int64_t Forming::NextDeadline() const {
  return wants_turn_ ? 0 : membership_.NextDeadline();
}

// ---- the end of a turn

void Forming::Stage(Now now) {
  wants_turn_ = false;
  membership_.SetHoldsKeys(HoldsKeys());
  const bool changed = membership_.TakeChanged();
  held_back_ = changed && now.monotonic_us < stage_not_before_us_;
  if (!changed || held_back_) return;
  cluster::StageMembership(membership_.TakeState(), store_.engine());
  // What was promised has to outlive the machine.
  store_.SyncNextCommit();
}

cluster::Membership::Report Forming::ReportOf(Now now) {
  const cluster::Node& node = gateway_.node();
  Membership::Report report{.drained = node.retire().IsDrained(),
                            .keys = 0,
                            .bytes = 0,
                            .arrived = node.refill().Arrived(),
                            .trouble = node.refill().Trouble(now.monotonic_us)};
  for (cluster::Database database = 0; database < cluster::kMaxDatabases; ++database) {
    report.keys += store_.counts(database).keys;
  }
  if (now.monotonic_us >= next_bytes_us_) {
    constexpr int64_t kBytesEveryUs = 2'000'000;
    next_bytes_us_ = now.monotonic_us + kBytesEveryUs;
    const storage::Usage usage = store_.engine().usage();
    bytes_ = usage.bytes_on_disk > 0 ? usage.bytes_on_disk : usage.bytes_in_memory;
  }
  report.bytes = bytes_;
  return report;
}

bool Forming::Committed(bool committed, Now now) {
  Membership::Report report = ReportOf(now);
  // What has been moved is told once it is here for good.
  if (!committed) report.arrived = arrived_;
  arrived_ = report.arrived;
  membership_.SetReport(report);
  for (const cluster::NodeId node : gateway_.node().TakeAhead()) membership_.KnowsMore(node);
  constexpr int64_t kStageAgainUs = 1'000'000;
  if (!committed) stage_not_before_us_ = now.monotonic_us + kStageAgainUs;
  membership_.Committed(committed && !held_back_);
  gateway_.node().gossip().SetEpoch(membership_.epoch());
  bool adopted = false;
  for (Membership::Output& output : membership_.TakeOutputs()) {
    adopted = adopted || std::holds_alternative<Membership::Adopt>(output);
    Carry(std::move(output), now);
  }
  return adopted;
}

void Forming::Carry(Membership::Output&& output, Now now) {
  cluster::Peers& peers = gateway_.node().peers();
  if (auto* const ask = std::get_if<Membership::Ask>(&output)) {
    asks_.push_back(std::move(*ask));
  } else if (const auto* const talk = std::get_if<Membership::Talk>(&output)) {
    const std::string bytes = cluster::EncodeRegisterMessage(talk->message);
    peers.Send(talk->to, cluster::RegisterTalk{bytes});
  } else if (const auto* const tell = std::get_if<Membership::Tell>(&output)) {
    peers.Send(tell->to, tell->news);
  } else if (const auto* const passed = std::get_if<Membership::PassOn>(&output)) {
    const std::string bytes = cluster::EncodeJoin(passed->request, kBetweenMembers);
    peers.Send(passed->to, cluster::JoinTalk{bytes});
  } else if (const auto* const adopt = std::get_if<Membership::Adopt>(&output)) {
    gateway_.SetTopology(adopt->topology ? &*adopt->topology : nullptr, now);
    adopted_ = wants_turn_ = true;
  } else if (const auto* const notice = std::get_if<Membership::Notice>(&output)) {
    notice->warning ? LogWarning(notice->text) : LogNotice(notice->text);
  }
}

}  // namespace cartwheel::server
