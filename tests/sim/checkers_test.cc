// Each checker passes over a sound history, and finds the fault in one that was made for it.
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/sim/check_counters.h"
#include "tests/sim/check_reads.h"
#include "tests/sim/check_replicas.h"
#include "tests/sim/check_waits.h"
#include "tests/sim/check_writes.h"

namespace cartwheel::sim {
namespace {

// Operations one after the other, a second each, all acknowledged, on one connection a client.
class Script {
 public:
  Operation& Add(Kind kind, const std::string& key, const std::string& value = "") {
    Operation& operation = evidence.history.emplace_back();
    operation.kind = kind;
    operation.key = key;
    if (kind != Kind::kGet) operation.value = value;
    if (kind == Kind::kGet && !value.empty()) operation.values = {value};
    operation.invoked_us = time_us_;
    operation.returned_us = time_us_ + 500'000;
    operation.outcome = Outcome::kOk;
    operation.number = 1;
    time_us_ += 1'000'000;
    return operation;
  }
  Operation& Set(const std::string& value) { return Add(Kind::kSet, "k", value); }
  Operation& Get(const std::string& value) { return Add(Kind::kGet, "k", value); }
  Operation& Write(const std::string& value, std::vector<std::string> observed) {
    Operation& operation = Add(Kind::kWriteContext, "k", value);
    operation.observed = std::move(observed);
    return operation;
  }
  Operation& Count(int64_t delta, int64_t reply) {
    Operation& operation = Add(Kind::kIncrement, "c");
    operation.delta = delta;
    operation.number = reply;
    return operation;
  }
  void End(std::vector<std::string> live) { evidence.end["k"].live = std::move(live); }

  Evidence evidence;

 private:
  int64_t time_us_ = 0;
};

Script OnOneNode() {
  Script script;
  script.evidence.alone = true;
  return script;
}

// ---- lost writes

TEST(CheckLostWrites, TheLastOfSeveralBlindWritesIsEnough) {
  Script script;
  script.Set("a");
  script.Set("b");
  script.End({"b"});
  EXPECT_TRUE(CheckLostWrites(script.evidence).empty());
}

TEST(CheckLostWrites, FindsAnAcknowledgedWriteThatIsGone) {
  Script script;
  script.Set("a");
  script.Set("b");
  script.End({"a"});
  const Violations found = CheckLostWrites(script.evidence);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key, "k");
  EXPECT_TRUE(found[0].text.starts_with("b was acknowledged")) << found[0].text;
}

TEST(CheckLostWrites, FindsOneInAKeyThatHasNoRecord) {
  Script script;
  script.Set("a");
  EXPECT_EQ(CheckLostWrites(script.evidence).size(), 1u);
}

TEST(CheckLostWrites, AnUncertainWriteMayBeLostAndMayHaveSuperseded) {
  Script script;
  script.Set("a");
  script.Set("b").outcome = Outcome::kUncertain;
  script.End({"a"});
  EXPECT_TRUE(CheckLostWrites(script.evidence).empty());
  script.End({"b"});
  EXPECT_TRUE(CheckLostWrites(script.evidence).empty());
}

TEST(CheckLostWrites, ARefusedWriteSupersedesNothing) {
  Script script;
  script.Set("a");
  script.Set("b").outcome = Outcome::kFailed;
  EXPECT_EQ(CheckLostWrites(script.evidence).size(), 1u);
}

TEST(CheckLostWrites, ADeletionThatFoundNothingSupersedesNothing) {
  Script script;
  script.Set("a");
  Operation& deletion = script.Add(Kind::kDelete, "k");
  EXPECT_TRUE(CheckLostWrites(script.evidence).empty());
  deletion.number = 0;
  EXPECT_EQ(CheckLostWrites(script.evidence).size(), 1u);
}

// The mistake of a token that covers what its bearer was not shown.
TEST(CheckLostWrites, AContextSupersedesOnlyWhatItWasReadWith) {
  Script script;
  script.Write("a", {});
  script.Write("b", {});
  script.Write("c", {"a"});
  script.End({"b", "c"});
  EXPECT_TRUE(CheckLostWrites(script.evidence).empty());
  script.End({"c"});
  const Violations found = CheckLostWrites(script.evidence);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].text.starts_with("b ")) << found[0].text;
}

// ---- resurrections

TEST(CheckResurrections, FindsWhatAnAcknowledgedWriteHadRead) {
  Script script;
  script.Write("a", {});
  script.Write("b", {"a"});
  script.End({"b"});
  EXPECT_TRUE(CheckResurrections(script.evidence).empty());
  script.End({"a", "b"});
  EXPECT_EQ(CheckResurrections(script.evidence).size(), 1u);
}

TEST(CheckResurrections, FindsWhatItsConnectionHadSeen) {
  Script script;
  script.Set("a");
  script.Set("b");
  script.End({"a", "b"});
  EXPECT_EQ(CheckResurrections(script.evidence).size(), 1u);
  script.evidence.history.back().connection = 7;  // had not seen it
  EXPECT_TRUE(CheckResurrections(script.evidence).empty());
}

TEST(CheckResurrections, FindsADeletedValue) {
  Script script;
  script.Set("a");
  script.Add(Kind::kDelete, "k");
  script.End({"a"});
  EXPECT_EQ(CheckResurrections(script.evidence).size(), 1u);
}

// ---- phantoms

TEST(CheckPhantoms, FindsAValueThatWasRefused) {
  Script script;
  script.Set("a").outcome = Outcome::kFailed;
  EXPECT_TRUE(CheckPhantoms(script.evidence).empty());
  script.End({"a"});
  EXPECT_EQ(CheckPhantoms(script.evidence).size(), 1u);
}

TEST(CheckPhantoms, FindsAValueThatNobodyWroteThere) {
  Script script;
  script.Set("a");
  script.Add(Kind::kGet, "other", "a");
  script.Get("b");
  EXPECT_EQ(CheckPhantoms(script.evidence).size(), 2u);
}

// ---- counters

TEST(CheckCounters, UncertainIncrementsMayCount) {
  Script script;
  script.Count(3, 3);
  script.Count(4, 0).outcome = Outcome::kUncertain;
  script.evidence.end["c"].sum = 3;
  EXPECT_TRUE(CheckCounters(script.evidence).empty());
  script.evidence.end["c"].sum = 7;
  EXPECT_TRUE(CheckCounters(script.evidence).empty());
}

TEST(CheckCounters, FindsLostIncrementsTooManyAndHalfOnes) {
  Script script;
  script.Count(3, 3);
  script.Count(4, 0).outcome = Outcome::kUncertain;
  for (const int64_t sum : {0, 2, 5, 8}) {
    script.evidence.end["c"].sum = sum;
    EXPECT_EQ(CheckCounters(script.evidence).size(), 1u) << sum;
  }
}

TEST(CheckCounters, FindsAReplyThatCountsTooMuch) {
  Script script;
  script.Count(3, 4);
  script.evidence.end["c"].sum = 3;
  EXPECT_EQ(CheckCounters(script.evidence).size(), 1u);
}

TEST(CheckCounters, FindsAConnectionThatGoesBack) {
  Script script = OnOneNode();
  script.Count(3, 3);
  script.Count(4, 7);
  script.Count(1, 4);
  script.evidence.end["c"].sum = 8;
  EXPECT_EQ(CheckCounters(script.evidence).size(), 1u);
}

// ---- sessions

TEST(CheckSessions, FindsThatAConnectionDoesNotReadItsWrite) {
  Script script;
  script.Set("a");
  script.Set("b");
  Operation& read = script.Get("b");
  EXPECT_TRUE(CheckSessions(script.evidence).empty());
  read.values = {"a"};
  EXPECT_EQ(CheckSessions(script.evidence).size(), 1u);
  read.values = {};
  EXPECT_FALSE(CheckSessions(script.evidence).empty());
}

TEST(CheckSessions, AConcurrentWriteOrADeletionMayBeRead) {
  Script script;
  script.Set("a");
  script.Set("b").connection = 7;
  script.Get("b");
  EXPECT_TRUE(CheckSessions(script.evidence).empty());
  script.Add(Kind::kDelete, "k");
  script.Get("");
  EXPECT_TRUE(CheckSessions(script.evidence).empty());
}

TEST(CheckSessions, ForgivesWhileSomethingIsBroken) {
  Script script;
  script.Set("a");
  script.Get("");
  EXPECT_EQ(CheckSessions(script.evidence).size(), 1u);
  script.evidence.faults = {{200'000, 300'000}};
  EXPECT_TRUE(CheckSessions(script.evidence).empty());
  script.evidence.alone = true;
  EXPECT_EQ(CheckSessions(script.evidence).size(), 1u);
}

// ---- strict reads

TEST(CheckStrictReads, FindsAReadThatMissesAnAcknowledgedWrite) {
  Script script = OnOneNode();
  script.Set("a");
  script.Set("b").connection = 1;
  Operation& read = script.Get("b");
  read.connection = 2;
  EXPECT_TRUE(CheckStrictReads(script.evidence).empty());
  read.values = {"a"};
  EXPECT_EQ(CheckStrictReads(script.evidence).size(), 1u);
  read.values = {};
  EXPECT_EQ(CheckStrictReads(script.evidence).size(), 2u);
}

TEST(CheckStrictReads, AWriteUnderWayMayOrMayNotBeRead) {
  Script script = OnOneNode();
  script.Set("a");
  script.Set("b").returned_us = 9'000'000;
  script.Get("a");
  script.Get("b");
  EXPECT_TRUE(CheckStrictReads(script.evidence).empty());
}

TEST(CheckStrictReads, ReadersOfSiblingsSeeEachOfThem) {
  Script script;
  script.evidence.strict = true;
  script.Write("a", {});
  script.Write("b", {});
  script.Write("c", {"a"});
  Operation& read = script.Add(Kind::kReadSiblings, "k");
  read.values = {"b", "c"};
  EXPECT_TRUE(CheckStrictReads(script.evidence).empty());
  read.values = {"c"};
  EXPECT_EQ(CheckStrictReads(script.evidence).size(), 1u);
}

TEST(CheckHealedReads, FindsAReadThatMissesWhatIsThere) {
  Script script;
  script.evidence.healed_us = 1'000'000;
  script.Set("a");
  script.Get("");
  script.evidence.strict = true;
  EXPECT_TRUE(CheckHealedReads(script.evidence).empty()) << "it is lost, which others find";
  script.End({"a"});
  EXPECT_EQ(CheckHealedReads(script.evidence).size(), 1U);
  script.evidence.strict = false;
  EXPECT_TRUE(CheckHealedReads(script.evidence).empty()) << "R and W need not meet";
  script.evidence.strict = true;
  script.evidence.healed_us = 2'000'000;
  EXPECT_TRUE(CheckHealedReads(script.evidence).empty()) << "not yet healed";
  script.evidence.healed_us = 1'000'000;
  script.evidence.copies_lost_us = script.evidence.history.front().invoked_us;
  EXPECT_TRUE(CheckHealedReads(script.evidence).empty()) << "one of its copies may be gone";
  script.evidence.alone = true;
  EXPECT_EQ(CheckHealedReads(script.evidence).size(), 1U) << "what is there, is here";
}

TEST(CheckListings, FindsAKeyThatIsMissingAndOneThatNobodyWrote) {
  Script script = OnOneNode();
  script.Add(Kind::kSet, "o1", "1");
  script.Add(Kind::kSet, "o2", "2").outcome = Outcome::kUncertain;
  script.Add(Kind::kSet, "o3", "3").outcome = Outcome::kFailed;
  Operation& list = script.Add(Kind::kList, "o*");
  for (const std::vector<std::string>& sound : {std::vector<std::string>{"o1"}, {"o1", "o2"}}) {
    list.listed = sound;
    EXPECT_TRUE(CheckListings(script.evidence).empty());
  }
  list.listed = {"o2"};
  EXPECT_EQ(CheckListings(script.evidence).front().key, "o1");
  list.listed = {"o1", "o3"};
  EXPECT_EQ(CheckListings(script.evidence).front().key, "o3");
}

TEST(CheckListings, InAClusterItPromisesWhatWasWrittenInCalmAndEverythingOnceHealed) {
  Script script;
  script.evidence.strict = true;
  script.Add(Kind::kSet, "o1", "1");
  script.evidence.history.back().returned_us = 0;
  script.Add(Kind::kList, "o*").invoked_us += 5'000'000;
  script.evidence.history.back().returned_us += 5'000'000;
  EXPECT_EQ(CheckListings(script.evidence).front().key, "o1");
  script.evidence.faults = {{0, 10}};
  EXPECT_TRUE(CheckListings(script.evidence).empty());
  script.evidence.end["o1"].live = {"1"};
  EXPECT_TRUE(CheckListings(script.evidence).empty());
  script.evidence.healed_us = 20;
  EXPECT_EQ(CheckListings(script.evidence).front().key, "o1");
}

// ---- replicas

cluster::Container Holding(std::string_view bytes, cluster::Dot dot) {
  cluster::Container container;
  cluster::Put(container, {.dot = dot, .value_dot = dot, .hlc = {5}, .bytes = bytes});
  return container;
}

constexpr cluster::ActorId kActor{0x1234567890abcdef};

TEST(DotRegister, FindsADotOfTwoWrites) {
  DotRegister dots;
  dots.NoteStore("k", Holding("a", {kActor, 1}), 0);
  dots.NoteStore("k", Holding("a", {kActor, 1}), 1);
  dots.NoteMessage("k", Holding("b", {kActor, 2}), 1);
  EXPECT_TRUE(dots.violations().empty());
  dots.NoteStore("k", Holding("b", {kActor, 1}), 1);
  dots.NoteMessage("other", Holding("b", {kActor, 2}), 1);
  EXPECT_EQ(dots.violations().size(), 2u);
}

TEST(DotRegister, KnowsWhatIsStoredAndNotLost) {
  DotRegister dots;
  dots.NoteStore("k", Holding("a", {kActor, 1}), 0);
  dots.NoteStore("k", Holding("a", {kActor, 1}), 1);
  dots.NoteStore("k", Holding("b", {kActor, 2}), 1);
  dots.NoteMessage("k", Holding("c", {kActor, 3}), 0);
  EXPECT_EQ(dots.StoredDotsOf("k").size(), 2u);
  dots.LoseStore(1);
  EXPECT_EQ(dots.StoredDotsOf("k"), (std::set<cluster::Dot>{{kActor, 1}}));
  EXPECT_TRUE(dots.StoredDotsOf("other").empty());
}

TEST(OwedRegister, KnowsWhatIsOwedByWhoKeptItToWhoKeptEverything) {
  OwedRegister owed;
  owed.Note(0, {"k", 2, {kActor, 1}});
  owed.Note(1, {"k", 2, {kActor, 1}});
  owed.Note(1, {"k", 2, {kActor, 2}});
  owed.Note(0, {"k", 3, {kActor, 3}});
  EXPECT_EQ(owed.All().size(), 3U);
  owed.LoseStore(1);
  ASSERT_EQ(owed.All().size(), 2U);
  EXPECT_EQ(owed.All().front(), (OwedRegister::Debt{"k", 2, {kActor, 1}}));
  owed.LoseStore(3);
  EXPECT_EQ(owed.All().size(), 1U);
}

TEST(CheckConvergence, FindsOwnersThatDiffer) {
  Replica a{.owner = "a", .has_record = true, .container = Holding("a", {kActor, 1})};
  Replica b = a;
  b.container.own_contiguous = !a.container.own_contiguous;
  EXPECT_TRUE(CheckConvergence("k", {a, b}).empty());
  b.container = Holding("b", {kActor, 2});
  EXPECT_EQ(CheckConvergence("k", {a, b}).size(), 1u);
  b = {.owner = "b", .container = {}};
  EXPECT_EQ(CheckConvergence("k", {a, b}).size(), 1u);
  b.damaged = true;
  EXPECT_EQ(CheckConvergence("k", {b, b}).size(), 1u);
}

TEST(CheckConvergence, AForgottenDeletionIsARememberedOne) {
  Replica deleted{.owner = "a", .has_record = true, .container = {}};
  cluster::NoteDeletion(deleted.container, {kActor, 1});
  const Replica forgotten{.owner = "b", .container = {}};
  EXPECT_TRUE(CheckConvergence("k", {deleted, forgotten}).empty());
}

TEST(CheckCompared, FindsWhatOneOfThemHasLiveAlone) {
  Replica a{.owner = "a", .has_record = true, .container = Holding("a", {kActor, 1})};
  Replica b = a;
  b.container.context.Join(Holding("b", {kActor, 2}).context);
  EXPECT_TRUE(CheckCompared("k", {a, b}).empty()) << "contexts are not compared";
  b.container = Holding("b", {kActor, 2});
  EXPECT_EQ(CheckCompared("k", {a, b}).size(), 1u);
  b = {.owner = "b", .container = {}};
  EXPECT_EQ(CheckCompared("k", {a, b}).size(), 1u);
  EXPECT_TRUE(CheckCompared("k", {b, b}).empty());
  b.damaged = true;
  EXPECT_EQ(CheckCompared("k", {b, b}).size(), 1u);
}

TEST(CheckAllArrived, FindsAWriteThatNoOwnerKnows) {
  const Replica owner{.owner = "a", .has_record = true, .container = Holding("a", {kActor, 1})};
  EXPECT_TRUE(CheckAllArrived("k", {owner}, {{kActor, 1}}).empty());
  EXPECT_EQ(CheckAllArrived("k", {owner}, {{kActor, 1}, {kActor, 2}}).size(), 1u);
}

// ---- WAIT

TEST(CheckWait, FindsAWriteThatFewerHaveThanWasTold) {
  Script script;
  const Operation write = script.Set("a");
  Operation& wait = script.Add(Kind::kWait, "w*");
  wait.number = 1;
  EXPECT_TRUE(CheckWait(wait, write, 2).empty());
  EXPECT_TRUE(CheckWait(wait, write, 3).empty());
  ASSERT_EQ(CheckWait(wait, write, 1).size(), 1U);
  EXPECT_EQ(CheckWait(wait, write, 1).front().key, "k");
  wait.number = 0;
  EXPECT_TRUE(CheckWait(wait, write, 0).empty());
}

TEST(DotRegister, KnowsTheNameOfAValue) {
  DotRegister dots;
  dots.NoteMessage("k", Holding("a", {kActor, 3}), 0);
  EXPECT_EQ(dots.DotOf("a"), (cluster::Dot{kActor, 3}));
  EXPECT_EQ(dots.DotOf("b"), std::nullopt);
}

}  // namespace
}  // namespace cartwheel::sim
