// Why a replica did not do what a coordinator asked of it. It is certain that it did nothing.
#pragma once

#include <cstdint>
#include <string_view>

namespace cartwheel::cluster {

enum class Refusal : uint8_t {
  kNone = 0,        // it did it
  kWrongActor = 1,  // its replica is another incarnation than the message was meant for
  kFull = 2,        // disk or memory
  kRebuilding = 3,  // it takes no hints before it has rebuilt its own data
  kBusy = 4,        // a queue has reached its limit
  kFailed = 5,      // its disk failed, or what it has of the key is damaged
  kClockAhead = 6,  // the copy is of a time that its clock will not reach soon
  kStale = 7,       // it knows of a later change of the partition's owners than who asks
};
inline constexpr Refusal kLastRefusal = Refusal::kStale;

// A few words for the log.
std::string_view Describe(Refusal refusal);

}  // namespace cartwheel::cluster
