#include "cluster/refusal.h"

namespace cartwheel::cluster {

std::string_view Describe(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone: return "done";
    case Refusal::kWrongActor: return "meant for another incarnation of the replica";
    case Refusal::kFull: return "no room";
    case Refusal::kRebuilding: return "rebuilding its data";
    case Refusal::kBusy: return "too much queued";
    case Refusal::kFailed: return "its disk failed or its record is damaged";
    case Refusal::kClockAhead: return "the copy's clock is ahead of its own";
    case Refusal::kStale: return "asked under owners that are others by now";
  }
  return "unknown";
}

}  // namespace cartwheel::cluster
