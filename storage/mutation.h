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
  kIsCompleteAfterLoss,   // R5: who lost data counts to R at once
  kIgnoresReceived,       // R1: a late copy brings back what was removed and forgotten here
  kKeepsRemoved,          // R2: who rebuilds never asks what was removed meanwhile
  kForgetsUnseen,         // R3: a deletion is forgotten before every owner has seen it
  kContextsAreMaxima,     // a context covers all of an actor's writes up to its last
  kSupersedesUnseen,      // a write without a context takes away what its writer never saw
  kCountsWhatItSent,      // W: a copy that is on its way counts as stored
  kCountsOneAsAll,        // R: one answer is enough
  kDropsHintsWhenSent,    // a hint is gone before its target has answered
  kForgetsHints,          // hints of before a start are never delivered
  kDropsNewerHints,       // what was added to a hint while it was under way goes with it
  kForwardsTwice,         // what is asked for again is done again
  kCountsHighestAsAll,    // WAIT: who has an actor's last write is taken to have those before it
  kSkipsAdoption,         // a partition's move goes on whoever has adopted its step
  kSkipsSwitch,           // it goes from the first step straight to the new owners
  kSkipsSource,           // who goes need not have adopted the first step
  kServesPreviousEpoch,   // what is asked under the epoch before is done
  kMixesEpochs,           // answers under two epochs count as of one
  kClosesUnasked,         // an actor is closed while somebody may still bring its writes
};
inline constexpr std::array<std::string_view, 26> kMutationNames = {"none",
                                                                    "never-syncs",
                                                                    "answers-before-sync",
                                                                    "flushes-before-log",
                                                                    "answers-failed-commits",
                                                                    "keeps-actors-after-loss",
                                                                    "forgets-numbers",
                                                                    "is-complete-after-loss",
                                                                    "ignores-received",
                                                                    "keeps-removed",
                                                                    "forgets-unseen",
                                                                    "contexts-are-maxima",
                                                                    "supersedes-unseen",
                                                                    "counts-what-it-sent",
                                                                    "counts-one-as-all",
                                                                    "drops-hints-when-sent",
                                                                    "forgets-hints",
                                                                    "drops-newer-hints",
                                                                    "forwards-twice",
                                                                    "counts-highest-as-all",
                                                                    "skips-adoption",
                                                                    "skips-switch",
                                                                    "skips-source",
                                                                    "serves-previous-epoch",
                                                                    "mixes-epochs",
                                                                    "closes-unasked"};

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
