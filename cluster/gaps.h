// Writes that another owner has told that it received, and that are still not here a while later:
// whoever made them is done with them, and nobody owes them to this node any more, or cannot reach
// it. So they have to be asked for.
//
// What an owner tells goes on to change while clients write, and always names some that are still
// on their way. So it is what it told at one moment that is waited for.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "cluster/node_id.h"
#include "cluster/received_dots.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

class Gaps {
 public:
  struct Options {
    // Hints get so long to arrive.
    int64_t after_us = 10'000'000;
  };
  explicit Gaps(const Options& options) : options_(options) {}

  // To be called again and again of each owner and partition. True: part of what it had told
  // `after_us` ago, or longer, is still not in `own`; the next watch begins with what it has told
  // by now.
  bool Look(Partition partition, NodeId owner, const ReceivedDots& told, const ReceivedDots& own,
            int64_t now_us);
  // Under other owners, what was told before is of no interest.
  void Clear() { watches_.clear(); }

 private:
  struct Watch {
    ReceivedDots told;
    int64_t since_us = 0;
  };

  Options options_;
  std::map<std::pair<Partition, NodeId>, Watch> watches_;  // of those that told of more
};

}  // namespace cartwheel::cluster
