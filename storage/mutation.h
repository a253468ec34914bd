// Faults planted on purpose, to see that the simulator finds each of them. What users run has none:
// without CARTWHEEL_MUTATIONS every question is answered at compile time.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace cartwheel {

enum class Mutation : uint8_t {
  kNone,
  kNeverSyncs,            // everysec: the log is never forced to the disk
  kAnswersBeforeSync,     // always: what is not yet on the disk is acknowledged
  kFlushesBeforeLog,      // the base store may have half of a batch that the log lost
  kAnswersFailedCommits,  // what was not stored is acknowledged
  kKeepsActorsAfterLoss,  // after lost writes their dots are given again
  kForgetsNumbers,        // after a start the last numbers are given again
};
inline constexpr std::array<std::string_view, 7> kMutationNames = {"none",
                                                                   "never-syncs",
                                                                   "answers-before-sync",
                                                                   "flushes-before-log",
                                                                   "answers-failed-commits",
                                                                   "keeps-actors-after-loss",
                                                                   "forgets-numbers"};

#ifdef CARTWHEEL_MUTATIONS
inline Mutation planted_mutation = Mutation::kNone;
inline bool IsPlanted(Mutation mutation) {
  return planted_mutation == mutation;
}
#else
constexpr bool IsPlanted(Mutation /*mutation*/) {
  return false;
}
#endif

}  // namespace cartwheel
