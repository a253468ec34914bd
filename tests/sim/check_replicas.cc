#include "tests/sim/check_replicas.h"

#include <algorithm>

#include "cluster/merkle_tree.h"
#include "cluster/store_key.h"

namespace cartwheel::sim {
namespace {

using cluster::Container;
using cluster::Dot;
using cluster::Version;

// Actors are random numbers of 64 bits: four digits tell those of one run apart.
std::string NameOf(cluster::ActorId actor) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string name;
  for (int shift = 60; shift >= 48; shift -= 4) {
    name += kDigits[(static_cast<uint64_t>(actor) >> shift) & 15];
  }
  return name;
}

std::string NameOf(Dot dot) {
  return NameOf(dot.actor) + ":" + std::to_string(dot.number);
}

std::string ContentOf(const Version& version) {
  return std::string(version.bytes) + " expires " + std::to_string(version.expire_at) + " hlc " +
         std::to_string(version.hlc.bits) + " value " + NameOf(version.value_dot);
}

Container Comparable(const Replica& replica) {
  Container container = replica.container;
  container.own_contiguous = false;
  return container;
}

}  // namespace

std::string Describe(const Container& container) {
  std::string text = "versions {";
  for (const Version& version : container.versions) {
    text += " " + NameOf(version.dot) + "=" + std::string(version.bytes.substr(0, 20));
  }
  text += " } context {";
  for (const auto& interval : container.context.intervals()) {
    text += " " + NameOf(interval.actor) + ":" + std::to_string(interval.first);
    if (interval.last != interval.first) text += "-" + std::to_string(interval.last);
  }
  text += " }";
  if (!container.counter.empty()) text += " counter {";
  for (const auto& entry : container.counter.entries()) {
    text += " " + NameOf(entry.first) + "-" + std::to_string(entry.total.number) + " +" +
            std::to_string(entry.total.added - entry.reset.added) + " -" +
            std::to_string(entry.total.taken - entry.reset.taken);
  }
  if (!container.counter.empty()) text += " }";
  return text;
}

void DotRegister::NoteMessage(std::string_view key, const Container& container, Host from) {
  Note(key, container, "in a message of node " + std::to_string(from));
}

void DotRegister::NoteStore(std::string_view key, const Container& container, Host node) {
  Note(key, container, "in the store of node " + std::to_string(node));
  auto& dots = stored_at_[std::string(key)];
  for (const Version& version : container.versions) dots[version.dot].insert(node);
}

void DotRegister::LoseStore(Host node) {
  for (auto& [key, dots] : stored_at_) {
    for (auto& [dot, nodes] : dots) nodes.erase(node);
  }
}

void DotRegister::Note(std::string_view key, const Container& container, const std::string& where) {
  if (!container.IsConsistent()) {
    violations_.push_back(
        {"containers are consistent", std::string(key), where + " has " + Describe(container)});
  }
  for (const Version& version : container.versions) {
    const auto [at, is_new] = writes_.try_emplace(version.dot);
    if (is_new) {
      at->second = {std::string(key), ContentOf(version), where};
      by_bytes_.try_emplace(std::string(version.bytes), version.dot);
      continue;
    }
    const std::string content = ContentOf(version);
    if (at->second.key == key && at->second.content == content) continue;
    violations_.push_back({"P4 a dot names one write", std::string(key),
                           NameOf(version.dot) + " is " + at->second.key + "=" +
                               at->second.content + " " + at->second.where + ", and " +
                               std::string(key) + "=" + content + " " + where});
  }
}

std::set<Dot> DotRegister::StoredDotsOf(const std::string& key) const {
  std::set<Dot> stored;
  const auto found = stored_at_.find(key);
  if (found == stored_at_.end()) return stored;
  for (const auto& [dot, nodes] : found->second) {
    if (!nodes.empty()) stored.insert(dot);
  }
  return stored;
}

std::optional<Dot> DotRegister::DotOf(const std::string& bytes) const {
  const auto found = by_bytes_.find(bytes);
  return found == by_bytes_.end() ? std::nullopt : std::optional(found->second);
}

void OwedRegister::LoseStore(Host node) {
  losers_.insert(node);
  for (auto& [debt, holders] : holders_) holders.erase(node);
  std::erase_if(holders_, [](const auto& entry) { return entry.second.empty(); });
}

std::vector<OwedRegister::Debt> OwedRegister::All() const {
  std::vector<Debt> debts;
  for (const auto& [debt, holders] : holders_) {
    if (!losers_.contains(debt.target)) debts.push_back(debt);
  }
  return debts;
}

namespace {

std::string DescribeOwners(const std::vector<Replica>& owners) {
  std::string text = "when all is healed the owners hold";
  for (const Replica& owner : owners) {
    text += "\n    " + owner.owner + ": ";
    text += owner.damaged      ? "a damaged record"
            : owner.has_record ? Describe(owner.container)
                               : "no record";
  }
  return text;
}

}  // namespace

Violations CheckConvergence(const std::string& key, const std::vector<Replica>& owners) {
  const bool differ = std::ranges::any_of(owners, [&](const Replica& owner) {
    const Replica& first = owners.front();
    if (owner.damaged || first.damaged) return true;
    if (!owner.has_record || !first.has_record) {
      return !owner.container.IsDeleted() || !first.container.IsDeleted();
    }
    return Comparable(owner) != Comparable(first);
  });
  if (!differ) return {};
  return {{"P7 owners converge", key, DescribeOwners(owners)}};
}

Violations CheckCompared(const std::string& key, const std::vector<Replica>& owners) {
  std::string store_key;
  cluster::EncodeStoreKey({0, key}, store_key);
  const auto digest = [&store_key](const Replica& owner) {
    return cluster::DigestOfRecord(store_key, owner.container);
  };
  const bool differ = std::ranges::any_of(owners, [&](const Replica& owner) {
    return owner.damaged || digest(owner) != digest(owners.front());
  });
  if (!differ) return {};
  return {{"P24 owners that have compared a key have the same live", key, DescribeOwners(owners)}};
}

Violations CheckAllArrived(const std::string& key, const std::vector<Replica>& owners,
                           const std::set<Dot>& dots) {
  cluster::Context known;
  for (const Replica& owner : owners) {
    if (!owner.has_record) return {};
    known.Join(owner.container.context);
  }
  for (const Dot& dot : dots) {
    if (known.Covers(dot)) continue;
    return {{"what a replica stored arrives", key,
             NameOf(dot) + " was stored, and no owner knows it at the end"}};
  }
  return {};
}

}  // namespace cartwheel::sim
