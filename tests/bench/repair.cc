// bench_repair: what it costs that owners compare what they hold (cluster/anti_entropy.h).
//   bench_repair [--keys N] [--canary] [compare | writes]
// compare: two nodes that own a partition of N keys (a million), of which more and more differ.
//   What they say to each other in bytes, how long it takes in virtual time, and what it costs both
//   of CPU. Fails unless they are equal afterwards.
// writes: what keeping the trees costs (tree_cost.h).
// --canary: instead, makes a write be missed, or a record get lost, after they have become equal:
//   then the check that they are has to fail, and the program with it.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cluster/frame.h"
#include "cluster/message_codec.h"
#include "cluster/node.h"
#include "cluster/store_key.h"
#include "storage/memory_engine.h"
#include "tests/bench/thread_cpu.h"
#include "tests/bench/tree_cost.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

constexpr Partition kCompared = 5;
constexpr int64_t kLatencyUs = 250;  // of a message, as in one data centre
constexpr int64_t kBeginUs = 5'000'000;
constexpr size_t kKinds = 7;  // of messages that comparing takes: roots, and the others singly

[[noreturn]] void Die(const std::string& reason) {
  std::fprintf(stderr, "bench_repair: %s\n", reason.c_str());
  std::exit(1);
}

// A hash tag for each slot of the partition, so that keys are all over it.
std::vector<std::string> TagsOf(Partition partition) {
  std::vector<std::string> tags(kSlotsPerPartition);
  size_t found = 0;
  for (uint64_t i = 0; found < tags.size(); ++i) {
    const std::string tag = "{" + std::to_string(i) + "}";
    if (PartitionOfKey(tag) != partition) continue;
    std::string& of_slot = tags[SlotOf(tag) % kSlotsPerPartition];
    if (of_slot.empty()) ++found;
    if (of_slot.empty()) of_slot = tag;
  }
  return tags;
}

struct Cost {
  std::array<uint64_t, kKinds> bytes{};  // frames, records apart
  uint64_t record_bytes = 0;
  uint64_t rounds = 0;     // questions
  int64_t took_us = 0;     // virtual
  int64_t cpu_ns = 0;      // of both
  int64_t longest_ns = 0;  // that one was busy with one message

  uint64_t total() const {
    uint64_t sum = 0;
    for (const uint64_t of_kind : bytes) sum += of_kind;
    return sum;
  }
};

class TwoOwners {
 public:
  explicit TwoOwners(uint64_t keys) : tags_(TagsOf(kCompared)) {
    for (size_t at = 0; at < 2; ++at) sides_[at].emplace(ring_, IdOf(at));
    for (size_t at = 0; at < 2; ++at) sides_[at]->node.PeerUp(IdOf(1 - at), now());
    for (size_t at = 0; at < 2; ++at) Do(at, [&] { sides_[at]->node.OnTime(now()); });
    while (now_us_ < kBeginUs) Advance();  // they have told each other what they begin with
    for (; keys_ < keys; ++keys_) Write(keys_, keys_ % 2, true);
    for (auto& side : sides_) side->Build();
    CheckEqual();
  }

  // So many keys in several ways: another value, a new key, a deletion, at one of them alone.
  void Differ(uint64_t count) {
    touched_.clear();
    std::set<uint64_t> chosen;
    while (chosen.size() < count) chosen.insert(random_.Below(keys_));
    const uint64_t old_keys = keys_;
    uint64_t way = 0;
    for (const uint64_t number : chosen) {
      switch (way++ % 5) {
        case 0: Write(number, 0, false); break;
        case 1: Write(number, 1, false); break;
        case 2: Write(keys_++, 0, false); break;
        case 3: Write(keys_++, 1, false); break;
        default: Write(number, 0, false, true); break;
      }
    }
    for (auto& side : sides_) Commit(*side);
    if (keys_ < old_keys) Die("keys went");
  }

  Cost Compare() { return Compare(kCompared, 1); }
  // All partitions that they own, most of which are empty; bytes of each on average.
  Cost CompareAll() {
    for (auto& side : sides_) side->BuildAll();
    Cost cost = Compare(std::nullopt, kPartitions);
    for (uint64_t& bytes : cost.bytes) bytes = (bytes + kPartitions - 1) / kPartitions;
    return cost;
  }

  // Nothing is believed: the trees are built again.
  void CheckEqual() {
    for (auto& side : sides_) {
      const MerkleTree kept = *side->store.TreeOf(kCompared);
      side->store.DropTree(kCompared);
      side->Build();
      if (*side->store.TreeOf(kCompared) != kept) Die("a tree is not what the records say");
    }
    if (*sides_[0]->store.TreeOf(kCompared) != *sides_[1]->store.TreeOf(kCompared)) {
      Die("the owners hold different things");
    }
    for (const auto& [number, value] : touched_) {
      const std::string key = KeyOf(number);
      for (auto& side : sides_) {
        const auto stored = side->store.Read({0, key}, now().unix_ms);
        if (!stored || (*stored ? (*stored)->bytes : "") != value) {
          Die("key " + key + " is not what was last written: " + value);
        }
      }
    }
  }

  // For the canary.
  void WriteAtOneAlone() {
    Write(0, 0, false);
    Commit(*sides_[0]);
  }
  void LoseBehindATree() {
    std::string store_key;
    EncodeStoreKey({0, KeyOf(1)}, store_key);
    sides_[1]->engine->Delete(storage::Keyspace::kData, store_key);
  }

 private:
  Cost Compare(std::optional<Partition> partition, uint64_t count) {
    cost_ = {};
    const int64_t began_us = now_us_;
    AntiEntropy& asks = sides_[0]->node.anti_entropy();
    const uint64_t compared = asks.totals().compared;
    asks.CompareNow(partition, now_us_);
    while (asks.asked_for() > 0) Advance();
    cost_.took_us = now_us_ - began_us;
    while (!on_their_way_.empty()) Advance();  // that it has ended
    if (asks.totals().failed > 0) Die("the comparison failed");
    if (asks.totals().compared != compared + count) Die("not all was compared");
    return cost_;
  }

  struct Side {
    Side(const Ring& ring, NodeId self)
        : engine(storage::NewMemoryEngine()),
          store(*LocalStore::Open(*engine, {.actor_seed = static_cast<uint64_t>(self),
                                            .ownership = OwnershipOf(ring, self)})),
          node(store, ring, OptionsOf(self)) {
      for (Partition i = 0; i < kPartitions; ++i) store.MarkComplete(i);
    }
    static Node::Options OptionsOf(NodeId self) {
      Node::Options options;
      options.self = self;
      options.anti_entropy.every_us = 0;
      return options;
    }
    void Build(Partition partition = kCompared) {
      size_t limit = SIZE_MAX;
      while (!store.BuildTree(partition, limit)) {
      }
    }
    void BuildAll() {
      for (Partition i = 0; i < kPartitions; ++i) Build(i);
    }

    std::unique_ptr<storage::Engine> engine;
    LocalStore store;
    Node node;
  };
  struct OnItsWay {
    int64_t at_us = 0;
    size_t from = 0;
    std::string frames;
  };

  static NodeId IdOf(size_t at) { return NodeId{at + 1}; }
  static Ring BothOwnAll() {
    const std::vector<Member> members = {{.node = IdOf(0), .zone = ""},
                                         {.node = IdOf(1), .zone = ""}};
    return {members, RotatedTable(members, 2), {}, std::vector<uint64_t>(kPartitions, 3)};
  }
  std::string KeyOf(uint64_t number) const {
    return tags_[number % tags_.size()] + "key:" + std::to_string(number);
  }
  Time now() const {
    return {.unix_ms = 1'700'000'000'000 + now_us_ / 1000, .monotonic_us = now_us_};
  }

  static void Commit(Side& side) {
    if (!side.store.Commit()) Die("a commit failed");
  }

  // At one of them, and then, unless it gets lost, at the other.
  void Write(uint64_t number, size_t at, bool copied, bool deleted = false) {
    const std::string key = KeyOf(number);
    const std::string value = deleted ? "" : "value-" + std::to_string(++next_value_);
    const Change change = deleted ? Change::Delete() : Change::Put(value, kNoExpiry);
    Side& writer = *sides_[at];
    Side& other = *sides_[1 - at];
    writer.store.Write({0, key}, change, now().unix_ms);
    if (!copied) {
      touched_[number] = value;
      return;
    }
    const DotList dots = writer.store.minted();
    const Container& copy = **writer.store.ReadContainer({0, key});
    if (!other.store.Apply({0, key}, copy, dots, now().unix_ms)) Die("a copy is refused");
    constexpr uint64_t kTurn = 1'000;
    if (number % kTurn != 0) return;
    Commit(writer);
    Commit(other);
  }

  // What one of them does in a turn; returns the CPU that it took.
  template <typename F>
  int64_t Do(size_t at, const F& turn) {
    Side& side = *sides_[at];
    const int64_t began_ns = ThreadCpuNs();
    turn();
    Commit(side);
    side.node.Committed(true, false, now());
    while (side.node.NextEvent()) {
    }
    OnItsWay said{.at_us = now_us_ + kLatencyUs, .from = at, .frames = {}};
    if (!side.node.peers().touched().empty()) {
      said.frames = side.node.peers().TakeOutput(IdOf(1 - at));
    }
    const int64_t took_ns = ThreadCpuNs() - began_ns;
    cost_.cpu_ns += took_ns;
    if (!said.frames.empty()) on_their_way_.push_back(std::move(said));
    return took_ns;
  }

  // To the next message or deadline, and what they do then.
  void Advance() {
    int64_t next_us = on_their_way_.empty() ? INT64_MAX : on_their_way_.front().at_us;
    for (const auto& side : sides_) next_us = std::min(next_us, side->node.NextDeadline());
    now_us_ = std::max(now_us_, next_us);
    for (size_t at = 0; at < 2; ++at) {
      Node& node = sides_[at]->node;
      if (node.NextDeadline() <= now_us_) Do(at, [&] { node.OnTime(now()); });
    }
    while (!on_their_way_.empty() && on_their_way_.front().at_us <= now_us_) {
      const OnItsWay heard = std::move(on_their_way_.front());
      on_their_way_.pop_front();
      Hear(1 - heard.from, heard.frames);
    }
  }

  void Hear(size_t at, std::string_view frames) {
    while (!frames.empty()) {
      FrameReader reader;
      std::optional<Message> message;
      const int64_t took_ns = Do(at, [&] {
        if (reader.Parse(frames) != FrameReader::Status::kComplete) Die("no whole frame");
        auto decoded = DecodeMessage(reader.frame());
        if (!decoded) Die(decoded.error());
        message = *std::move(decoded);
        sides_[at]->node.OnMessage(IdOf(1 - at), *message, now());
      });
      Count(*message, reader.consumed(), took_ns);
      frames.remove_prefix(reader.consumed());
    }
  }

  // AskTree, TreeReply and so on stand in this order in Message. Others are no part of it: pings.
  void Count(const Message& message, size_t bytes, int64_t took_ns) {
    static_assert(std::is_same_v<std::variant_alternative_t<kFirstKind, Message>, AskTree> &&
                  std::is_same_v<std::variant_alternative_t<kFirstKind + 5, Message>, Swapped>);
    const bool of_roots =
        std::holds_alternative<SameRoots>(message) || std::holds_alternative<OtherRoots>(message);
    const size_t kind = of_roots ? 0 : message.index() - kFirstKind + 1;
    if (kind >= kKinds || (!of_roots && message.index() < kFirstKind)) return;
    const uint64_t of_records = RecordBytesOf(message, bytes);
    cost_.longest_ns = std::max(cost_.longest_ns, took_ns);
    cost_.bytes[kind] += bytes - of_records;
    cost_.record_bytes += of_records;
    const auto* const keys = std::get_if<AskKeys>(&message);
    const bool ends = keys != nullptr && keys->numbers.empty();
    const bool asks = of_roots ? std::holds_alternative<SameRoots>(message) : kind % 2 == 1;
    if (asks && !ends) ++cost_.rounds;
  }
  static uint64_t RecordBytesOf(const Message& message, size_t bytes) {
    std::string without;
    if (const auto* swap = std::get_if<Swap>(&message)) {
      AppendFrame(SwapEncoded{*swap, swap->items.size(), {}}, without);
    } else if (const auto* swapped = std::get_if<Swapped>(&message)) {
      AppendFrame(SwappedEncoded{*swapped, swapped->items.size(), {}}, without);
    } else {
      return 0;
    }
    return bytes - without.size();
  }

  static constexpr size_t kFirstKind = 23;

  Ring ring_ = BothOwnAll();
  std::vector<std::string> tags_;
  std::array<std::optional<Side>, 2> sides_;
  std::map<uint64_t, std::string> touched_;  // since they were equal: what is to be there
  std::deque<OnItsWay> on_their_way_;
  Random random_{3};
  Cost cost_;
  uint64_t keys_ = 0;
  uint64_t next_value_ = 0;
  int64_t now_us_ = 0;
};

std::string Bytes(uint64_t bytes) {
  std::array<char, 32> text{};
  if (bytes < 10'000) {
    std::snprintf(text.data(), text.size(), "%llu B", static_cast<unsigned long long>(bytes));
  } else if (bytes < 1'000'000) {
    std::snprintf(text.data(), text.size(), "%.0f KB", static_cast<double>(bytes) / 1e3);
  } else {
    std::snprintf(text.data(), text.size(), "%.2f MB", static_cast<double>(bytes) / 1e6);
  }
  return text.data();
}

// For a million keys, computed from the digests alone. Twice as much is what it may take.
struct Goal {
  uint64_t differing;
  uint64_t bytes;
};
constexpr std::array<Goal, 6> kGoals = {
    {{0, 16}, {1, 3'000}, {10, 20'000}, {100, 166'000}, {1'000, 1'050'000}, {10'000, 7'300'000}}};

void PrintRow(const Goal& goal, const Cost& cost) {
  std::printf("%9llu", static_cast<unsigned long long>(goal.differing));
  for (const uint64_t of_kind : cost.bytes) std::printf(" %9s", Bytes(of_kind).c_str());
  const double ratio = static_cast<double>(cost.total()) / static_cast<double>(goal.bytes);
  std::printf(" %9s %9s %9s %5.2f%s %6llu %8.2f s %7.1f ms %7.2f ms\n", Bytes(cost.total()).c_str(),
              Bytes(cost.record_bytes).c_str(), Bytes(goal.bytes).c_str(), ratio,
              ratio > 2 ? "!" : " ", static_cast<unsigned long long>(cost.rounds),
              static_cast<double>(cost.took_us) / 1e6, static_cast<double>(cost.cpu_ns) / 1e6,
              static_cast<double>(cost.longest_ns) / 1e6);
  std::fflush(stdout);
}

void Compare(uint64_t keys) {
  TwoOwners owners(keys);
  std::printf(
      "Two owners compare a partition of %llu keys. Bytes are of whole frames, records apart; the\n"
      "goal counts digests alone, and `!` marks what is over twice of it. Where nothing differs "
      "all\n"
      "%d partitions are compared, and bytes are of one. CPU is of both, and the longest that one\n"
      "of them was busy with one message. A message is on its way for %lld us.\n\n",
      static_cast<unsigned long long>(keys), static_cast<int>(kPartitions),
      static_cast<long long>(kLatencyUs));
  std::printf(
      "differing     Roots   AskTree TreeReply   AskKeys KeysReply      Swap   Swapped     total"
      "   records      goal ratio rounds       time        CPU    longest\n");
  for (const Goal& goal : kGoals) {
    if (goal.differing > keys / 2) continue;
    owners.Differ(goal.differing);
    PrintRow(goal, goal.differing == 0 ? owners.CompareAll() : owners.Compare());
    owners.CheckEqual();
  }
}

// Each of the faults in a process's own pair: the check ends the process.
void Canary(const char* fault) {
  TwoOwners owners(20'000);
  owners.Differ(10);
  owners.Compare();
  owners.CheckEqual();
  if (std::string_view(fault) == "missed") owners.WriteAtOneAlone();
  if (std::string_view(fault) == "lost") owners.LoseBehindATree();
  owners.CheckEqual();
}

}  // namespace
}  // namespace cartwheel::cluster

int main(int argc, char** argv) {
  uint64_t keys = 1'000'000;
  bool compares = true;
  bool writes = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (argument == "--keys") {
      const auto read = std::from_chars(value.data(), value.data() + value.size(), keys);
      const bool is_number = read.ec == std::errc() && read.ptr == value.data() + value.size();
      if (!is_number || keys < 100) {
        cartwheel::cluster::Die("--keys " + std::string(value) + ": a number from 100 on");
      }
      ++i;
    } else if (argument == "--canary" && (value == "missed" || value == "lost")) {
      cartwheel::cluster::Canary(argv[i + 1]);
      return 0;
    } else if (argument == "compare") {
      writes = false;
    } else if (argument == "writes") {
      compares = false;
    } else {
      cartwheel::cluster::Die(std::string(argument) +
                              ": usage: bench_repair [--keys N] [--canary missed|lost] "
                              "[compare | writes]");
    }
  }
  if (compares) cartwheel::cluster::Compare(keys);
  if (writes) cartwheel::MeasureTreeCost({.keys = keys});
}
