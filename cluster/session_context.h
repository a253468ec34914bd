// What one client connection has seen of the keys it used last: of its acknowledged writes and of
// its reads. A read by the connection must show no less ("Session Guarantees for Weakly Consistent
// Replicated Data", Terry et al., 1994: read your writes, monotonic reads), and a blind write by it
// supersedes it.
//
// A key that was used too long ago is forgotten, and with it the promise: an older state may then
// be read, but nothing is lost. A connection that used no key costs nothing.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cluster/container.h"
#include "cluster/own_writes.h"
#include "cluster/value.h"

namespace cartwheel::cluster {

class SessionContext {
 public:
  // Sessions that come back to a key do it soon.
  static constexpr size_t kMaxKeys = 256;
  // The keys' own bytes: 256 long ones must not take gigabytes for every connection. The last key
  // used is kept whatever its length.
  static constexpr size_t kMaxKeyBytes = 64UL << 10;

  SessionContext() = default;
  SessionContext(SessionContext&&) = default;
  SessionContext& operator=(SessionContext&&) = default;

  // nullptr: nothing, or forgotten. Valid until the next Learn. The key is then the last one used.
  const Seen* Find(const KeyRef& ref);
  // Joined with what is known: a connection never unlearns.
  void Learn(const KeyRef& ref, const Seen& seen);

  size_t size() const { return places_.size(); }

  // What it has written itself, whatever became of the keys.
  OwnWrites& writes() { return writes_; }
  const OwnWrites& writes() const { return writes_; }

 private:
  using Place = uint16_t;
  // The first entry is none but the ends of a ring: what it calls newer is the oldest key.
  struct Entry {
    Place newer = 0;
    Place older = 0;
    Database database = 0;
    uint64_t hash = 0;
    std::string key{};
    Seen seen{};
  };

  void Unlink(Place place);
  void MakeNewest(Place place);
  void ForgetOldest();
  Entry& Take(uint64_t hash);

  std::vector<Entry> entries_;
  std::vector<Place> free_;
  // By the key's hash. Of two keys that share one the later takes the place: the other is
  // forgotten early.
  boost::unordered_flat_map<uint64_t, Place> places_;
  size_t key_bytes_ = 0;
  OwnWrites writes_;
};

}  // namespace cartwheel::cluster
