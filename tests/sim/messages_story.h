// What nodes say to each other about each key, for people: a reply is told with the key that its
// request was about.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cluster/message.h"
#include "tests/sim/events.h"

namespace cartwheel::sim {

class MessagesStory {
 public:
  void Note(int64_t now_us, Host from, Host to, const cluster::Message& message);
  // With their times.
  std::vector<std::pair<int64_t, std::string>> About(const std::string& key) const;

 private:
  // A request's number and who asked whom: numbers of different kinds are independent.
  enum class Asked : uint8_t { kCopy, kRead, kForward };
  using Request = std::tuple<Asked, Host, Host, uint64_t>;

  std::map<Request, std::string> keys_;
  std::map<std::string, std::vector<std::pair<int64_t, std::string>>> lines_;
};

}  // namespace cartwheel::sim
