// A command on the keyspace of a whole cluster, as a value: it goes through the keyspace page by
// page, asks about the keys on which replicas differ, and, where it flushes, deletes what it finds.
//
// So a flush is as many deletions as there are keys, each like a client's: what a quorum knows
// goes, what is written at the same time stays, and what an owner missed is handed to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "cluster/list_quorum.h"
#include "resp/reply_writer.h"
#include "server/keyspace_request.h"

namespace cartwheel::server {

class KeyspaceWalk {
 public:
  // What it waits for: a page of about `count` keys from one place to before another, ...
  struct List {
    cluster::Database database = 0;
    cluster::ScanPlace from = 0;
    cluster::ScanPlace until = cluster::kEndPlace;
    size_t count = 0;
  };
  // ... or the replies to EXISTS, or to DEL, of each of these keys. It is over with a reply.
  struct Ask {
    bool remove = false;
    cluster::Database database = 0;
    std::vector<std::string> keys;
  };
  struct Done {
    std::string reply;
  };
  using Step = std::variant<List, Ask, Done>;

  // `random` decides where RANDOMKEY looks.
  KeyspaceWalk(const KeyspaceRequest& request, cluster::Database database, resp::Protocol protocol,
               uint64_t random);

  Step Begin();
  // The page it waits for, which was answered.
  Step Listed(const cluster::ListQuorum& page);
  // The replies it waits for, in the order of the keys.
  Step Answered(std::span<const std::string> replies);

 private:
  using Kind = KeyspaceRequest::Kind;

  Step NextPage();
  Step TakePage();
  Step TakeRandomKey();
  Step End();
  template <typename Write>
  Done Reply(Write write) const;

  KeyspaceRequest request_;
  resp::Protocol protocol_;
  List list_;                                   // the page it waits for, or had last
  std::vector<cluster::ListQuorum::Key> page_;  // keys that it looks at
  std::vector<std::string> found_;
  size_t pages_ = 0;
  size_t looked_at_ = 0;
  // RANDOMKEY: the slot of a key is sought first, from a place of choice on, then the key in it:
  // else a database with few slots would nearly always give the first key of one.
  cluster::ScanPlace random_place_;
  enum class Sought : uint8_t { kSlot, kSlotFromTheStart, kKey };
  Sought sought_ = Sought::kSlot;
};

}  // namespace cartwheel::server
