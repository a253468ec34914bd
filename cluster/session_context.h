// What one client connection has seen of the keys it used last: of its acknowledged writes and of
// its reads. A read by the connection must show no less ("Session Guarantees for Weakly Consistent
// Replicated Data", Terry et al., 1994: read your writes, monotonic reads), and a blind write by it
// supersedes it.
//
// A key that was used too long ago is forgotten, and with it the promise: an older state may then
// be read, but nothing is lost. A connection that used no key costs nothing.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>

#include "cluster/container.h"
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

  size_t size() const { return keys_.size(); }

 private:
  struct Key {
    Database database;
    std::string key;
    Seen seen;
  };
  struct Before {
    bool operator()(const KeyRef& a, const KeyRef& b) const {
      return a.database != b.database ? a.database < b.database : a.key < b.key;
    }
  };

  void ForgetOldest();

  std::list<Key> keys_;                                        // the last one used first
  std::map<KeyRef, std::list<Key>::iterator, Before> places_;  // views into keys_
  size_t key_bytes_ = 0;
};

}  // namespace cartwheel::cluster
