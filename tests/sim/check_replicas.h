// What must be true of the replicas themselves: seen in their stores, and in every copy that
// passes between them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/owned_container.h"
#include "tests/sim/events.h"
#include "tests/sim/history.h"

namespace cartwheel::sim {

// P4: a dot names one write for ever. Also: every container is one that decoders would accept.
class DotRegister {
 public:
  void NoteMessage(std::string_view key, const cluster::Container& container, Host from);
  void NoteStore(std::string_view key, const cluster::Container& container, Host node);
  // What it stored is gone, or some of it.
  void LoseStore(Host node);

  const Violations& violations() const { return violations_; }
  // The dots of versions of a key that were seen in a store that has lost nothing since.
  std::set<cluster::Dot> StoredDotsOf(const std::string& key) const;
  // The name under which these bytes, which are written once, were seen first.
  std::optional<cluster::Dot> DotOf(const std::string& bytes) const;

 private:
  void Note(std::string_view key, const cluster::Container& container, const std::string& where);

  struct Write {
    std::string key;
    std::string content;  // everything but the siblings around it
    std::string where;    // it was first seen
  };
  std::map<cluster::Dot, Write> writes_;
  std::map<std::string, cluster::Dot> by_bytes_;
  std::map<std::string, std::map<cluster::Dot, std::set<Host>>> stored_at_;
  Violations violations_;
};

// P11: no hint is dropped unseen. What a node was seen to owe another, and neither has lost since.
class OwedRegister {
 public:
  struct Debt {
    std::string key;
    Host target = 0;
    cluster::Dot dot{};
    auto operator<=>(const Debt&) const = default;
  };
  void Note(Host holder, const Debt& debt) { holders_[debt].insert(holder); }
  void LoseStore(Host node);
  // What is owed at least by one that has kept all it stored, to targets that never lost any: of
  // others an acknowledgement from before the loss may come long after it.
  std::vector<Debt> All() const;

 private:
  std::set<Host> losers_;
  std::map<Debt, std::set<Host>> holders_;
};

// One owner's record of a key when everything is healed.
struct Replica {
  std::string owner;
  bool damaged = false;
  bool has_record = false;
  cluster::Container container;  // its bytes live elsewhere
};

// P7: the owners hold the same. A forgotten deletion is the same as one that is remembered.
Violations CheckConvergence(const std::string& key, const std::vector<Replica>& owners);

// P24: what owners that have compared a key have live is the same; their contexts need not be.
Violations CheckCompared(const std::string& key, const std::vector<Replica>& owners);

// Every version that was stored somewhere went into what the owners know, live or superseded. For
// keys that nothing ever deleted: others may be forgotten and begun anew.
Violations CheckAllArrived(const std::string& key, const std::vector<Replica>& owners,
                           const std::set<cluster::Dot>& dots);

// The container in short, for people: versions, counter and context.
std::string Describe(const cluster::Container& container);

}  // namespace cartwheel::sim
