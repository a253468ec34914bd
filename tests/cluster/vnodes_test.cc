#include "cluster/vnodes.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/encoding.h"
#include "cluster/record_checksum.h"
#include "cluster/vnode_codec.h"
#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ActorId kPeer{77};

class VnodesTest : public testing::Test {
 protected:
  Vnodes Load(uint64_t seed) {
    damage_.clear();
    return Vnodes::Load(engine_, seed, damage_);
  }
  bool Commit(Vnodes& vnodes) {
    vnodes.Stage();
    const bool committed = engine_.Commit().has_value();
    vnodes.Settle(committed);
    return committed;
  }
  std::vector<std::string> KeysOf(std::string_view prefix) {
    std::vector<std::string> keys;
    const auto cursor = engine_.NewCursor(Keyspace::kMeta);
    for (cursor->Seek(prefix); cursor->Valid() && cursor->key().starts_with(prefix);
         cursor->Next()) {
      keys.emplace_back(cursor->key());
    }
    return keys;
  }
  void Flip(const std::string& key) {
    std::string value(engine_.Get(Keyspace::kMeta, key).value());
    value[value.size() / 2] ^= 4;
    engine_.Put(Keyspace::kMeta, key, value);
    ASSERT_TRUE(engine_.Commit().has_value());
  }
  // Writes until the journal was replaced by the vnodes once.
  void FillJournal(Vnodes& vnodes) {
    for (int turn = 0; turn < 1000 && KeysOf("vnode").empty(); ++turn) {
      for (int i = 0; i < 1000; ++i) vnodes.Mint(static_cast<Partition>(i % 3));
      ASSERT_TRUE(Commit(vnodes));
    }
    ASSERT_EQ(KeysOf("vnode").size(), 3);
  }

  storage::FaultyEngine engine_{storage::NewMemoryEngine()};
  std::vector<std::string> damage_;
};

TEST_F(VnodesTest, NumbersCountFromOneInEachPartition) {
  Vnodes vnodes = Load(1);
  const Dot first = vnodes.Mint(5);
  EXPECT_EQ(first.number, 1);
  EXPECT_NE(first.actor, ActorId{});
  EXPECT_EQ(vnodes.Mint(5), (Dot{first.actor, 2}));
  EXPECT_EQ(vnodes.Mint(6).number, 1);
  EXPECT_NE(vnodes.Of(6).actor, first.actor);
  EXPECT_EQ(vnodes.Of(5).received.BaseOf(first.actor), 2);
}

TEST_F(VnodesTest, GoOnAfterARestartWhereTheyCommitted) {
  Dot last;
  {
    Vnodes vnodes = Load(1);
    vnodes.Mint(5);
    last = vnodes.Mint(5);
    vnodes.Receive(5, {kPeer, 3});
    ASSERT_TRUE(Commit(vnodes));
  }
  Vnodes vnodes = Load(2);
  EXPECT_THAT(damage_, IsEmpty());
  EXPECT_TRUE(vnodes.Of(5).received.Has({kPeer, 3}));
  EXPECT_FALSE(vnodes.Of(5).received.Has({kPeer, 2}));
  EXPECT_EQ(vnodes.Mint(5), (Dot{last.actor, 3}));
}

TEST_F(VnodesTest, TheJournalGivesWayToTheVnodesWhenItIsLong) {
  Dot last;
  {
    Vnodes vnodes = Load(1);
    vnodes.Receive(1, {kPeer, 1});
    ASSERT_TRUE(Commit(vnodes));
    FillJournal(vnodes);
    EXPECT_EQ(KeysOf("dots").size(), 1) << "the turn's own entry";
    last = vnodes.Mint(1);
    ASSERT_TRUE(Commit(vnodes));
  }
  Vnodes vnodes = Load(2);
  EXPECT_THAT(damage_, IsEmpty());
  EXPECT_TRUE(vnodes.Of(1).received.Has({kPeer, 1}));
  EXPECT_EQ(vnodes.Mint(1), (Dot{last.actor, last.number + 1}));
}

TEST_F(VnodesTest, AFailedCommitGivesNoNumberAgainAndReceivesNothing) {
  Vnodes vnodes = Load(1);
  const Dot lost = vnodes.Mint(5);
  vnodes.Receive(5, {kPeer, 1});
  engine_.FailCommits(storage::Error::Kind::kNoSpace);
  ASSERT_FALSE(Commit(vnodes));
  EXPECT_FALSE(vnodes.Of(5).received.Has({kPeer, 1}));
  EXPECT_EQ(vnodes.Mint(5), (Dot{lost.actor, 2}));
}

TEST_F(VnodesTest, AFailedCommitOfTheVnodesLeavesTheJournal) {
  Dot last;
  {
    Vnodes vnodes = Load(1);
    for (int turn = 0; turn < 1000 && KeysOf("vnode").empty(); ++turn) {
      for (int i = 0; i < 1000; ++i) last = vnodes.Mint(0);
      if (turn % 2 == 1) engine_.FailCommits(storage::Error::Kind::kNoSpace);
      Commit(vnodes);
    }
    last = vnodes.Mint(0);
    ASSERT_TRUE(Commit(vnodes));
  }
  EXPECT_EQ(Load(2).Mint(0), (Dot{last.actor, last.number + 1}));
}

TEST_F(VnodesTest, ActorsKeepTheirNumbers) {
  {
    Vnodes vnodes = Load(1);
    vnodes.Mint(5);
    EXPECT_EQ(vnodes.ActorsOf(5).NumberOf(kPeer), 1);
    vnodes.NoteActors(5);
    ASSERT_TRUE(Commit(vnodes));
  }
  EXPECT_EQ(Load(2).Of(5).actors.ActorOf(1), kPeer);
}

TEST_F(VnodesTest, ADamagedVnodeGoesOnUnderANewActorAndStillReadsItsRecords) {
  ActorId before{};
  {
    Vnodes vnodes = Load(1);
    FillJournal(vnodes);
    before = vnodes.Of(0).actor;
  }
  Flip(KeysOf("vnode")[0]);
  Vnodes vnodes = Load(2);
  EXPECT_THAT(damage_, ElementsAre(HasSubstr("partition 0")));
  EXPECT_EQ(vnodes.Of(0).actors.ActorOf(0), before);
  const Dot dot = vnodes.Mint(0);
  EXPECT_EQ(dot.number, 1);
  EXPECT_NE(dot.actor, before);
  EXPECT_GT(vnodes.Mint(1).number, 1) << "the others go on";
}

TEST_F(VnodesTest, WhenTheActorsOwnEntryIsDamagedTheVnodesCopyIsRead) {
  ActorId before{};
  {
    Vnodes vnodes = Load(1);
    FillJournal(vnodes);
    before = vnodes.Of(0).actor;
  }
  Flip(KeysOf("actors")[0]);
  Vnodes vnodes = Load(2);
  EXPECT_THAT(damage_, ElementsAre(HasSubstr("one copy")));
  EXPECT_EQ(vnodes.Of(0).actors.ActorOf(0), before);
  EXPECT_GT(vnodes.Mint(0).number, 1);
}

TEST_F(VnodesTest, ADamagedJournalGivesNewActorsToAll) {
  ActorId before{};
  {
    Vnodes vnodes = Load(1);
    before = vnodes.Mint(0).actor;
    ASSERT_TRUE(Commit(vnodes));
  }
  Flip(KeysOf("dots")[0]);
  Vnodes vnodes = Load(2);
  EXPECT_THAT(damage_, ElementsAre(HasSubstr("journal")));
  EXPECT_NE(vnodes.Mint(0).actor, before);
}

TEST_F(VnodesTest, NewActorsDifferBetweenPartitionsStartsAndIncarnations) {
  std::set<ActorId> actors;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Vnodes vnodes = Load(seed * 1'000'003);
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      EXPECT_TRUE(actors.insert(vnodes.Mint(partition).actor).second);
    }
    vnodes.RotateAll();
    EXPECT_TRUE(actors.insert(vnodes.Mint(0).actor).second);
  }
}

TEST_F(VnodesTest, ARotationOutlivesARestartWithoutAnyWrite) {
  Dot before;
  ActorId rotated{};
  {
    Vnodes vnodes = Load(1);
    vnodes.Mint(5);
    before = vnodes.Mint(5);
    vnodes.Rotate(5);
    rotated = vnodes.ActorOf(5);
    ASSERT_TRUE(Commit(vnodes));
  }
  Vnodes vnodes = Load(2);
  EXPECT_TRUE(vnodes.IsRebuilding(5));
  EXPECT_EQ(vnodes.Of(5).received.BaseOf(before.actor), 2);
  EXPECT_EQ(vnodes.Mint(5), (Dot{rotated, 1}));
}

TEST_F(VnodesTest, ARotationWhoseCommitFailedIsStoredWithTheNext) {
  ActorId rotated{};
  {
    Vnodes vnodes = Load(1);
    vnodes.Mint(5);
    ASSERT_TRUE(Commit(vnodes));
    vnodes.Rotate(5);
    rotated = vnodes.ActorOf(5);
    engine_.FailCommits(storage::Error::Kind::kNoSpace);
    ASSERT_FALSE(Commit(vnodes));
    ASSERT_TRUE(Commit(vnodes));
  }
  EXPECT_EQ(Load(2).ActorOf(5), rotated);
}

TEST_F(VnodesTest, RebuildingEndsForGood) {
  {
    Vnodes vnodes = Load(1);
    vnodes.RotateAll();
    EXPECT_TRUE(vnodes.IsRebuilding(7)) << "though it never wrote";
    vnodes.MarkComplete(7);
    ASSERT_TRUE(Commit(vnodes));
  }
  Vnodes vnodes = Load(2);
  EXPECT_FALSE(vnodes.IsRebuilding(7));
  EXPECT_TRUE(vnodes.IsRebuilding(8));
}

TEST_F(VnodesTest, WhetherItRebuildsIsStoredWithTheVnodeToo) {
  {
    Vnodes vnodes = Load(1);
    vnodes.Rotate(1);
    FillJournal(vnodes);
  }
  Vnodes vnodes = Load(2);
  EXPECT_TRUE(vnodes.IsRebuilding(1));
  EXPECT_FALSE(vnodes.IsRebuilding(0));
}

TEST_F(VnodesTest, AnActorThatWasToldIsKept) {
  ActorId told{};
  {
    Vnodes vnodes = Load(1);
    told = vnodes.ActorOf(5);
    EXPECT_EQ(vnodes.ActorOf(5), told);
    ASSERT_TRUE(Commit(vnodes));
  }
  EXPECT_EQ(Load(2).Mint(5), (Dot{told, 1}));
}

TEST_F(VnodesTest, DamageIsFoundOnceOnly) {
  ActorId rotated{};
  {
    Vnodes vnodes = Load(1);
    FillJournal(vnodes);
  }
  Flip(KeysOf("vnode")[0]);
  Flip(KeysOf("dots")[0]);
  {
    Vnodes vnodes = Load(2);
    EXPECT_EQ(damage_.size(), 2);
    rotated = vnodes.ActorOf(0);
    ASSERT_TRUE(Commit(vnodes));
  }
  Vnodes vnodes = Load(3);
  EXPECT_THAT(damage_, IsEmpty());
  EXPECT_EQ(vnodes.ActorOf(0), rotated);
  EXPECT_TRUE(vnodes.IsRebuilding(0));
}

TEST_F(VnodesTest, AVnodeOfTheFormatBeforeIsRead) {
  Vnode vnode;
  vnode.actor = kPeer;
  vnode.counter = 5;
  std::string bytes;
  EncodeVnode("key", vnode, bytes);
  bytes.resize(bytes.size() - kChecksumBytes - 1);  // without the flags
  bytes[0] = 1;
  char checksum[kChecksumBytes];
  StoreLittle<kChecksumBytes>(RecordChecksum("key", bytes), checksum);
  bytes.append(checksum, kChecksumBytes);
  Vnode read;
  ASSERT_TRUE(DecodeVnode("key", bytes, read));
  EXPECT_EQ(read.counter, 5);
  EXPECT_FALSE(read.rebuilding);
}

}  // namespace
}  // namespace cartwheel::cluster
