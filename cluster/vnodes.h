// The vnodes of this node, and how they stay true on disk without being written with every record.
//
// A write changes its vnode by one dot. Storing the vnode each time would double the writes, so a
// turn stores the dots of all its writes as one entry of a journal in the keyspace kMeta, some six
// bytes a write; when the journal has grown, the vnodes that it speaks of are stored and it is
// deleted, all in one batch. At the start a vnode is what was stored plus what the journal says.
//
//   "vnode" u16 partition    vnode_codec.h
//   "actors" u16 partition   vnode_codec.h
//   "dots" u64 number        of each write: u16 partition (top bit: by the vnode itself; the next:
//                            which rebuilds), varint actor number, varint number; u32 checksum
//                            seeded with the key. Of an own one the vnode is known as it was then:
//                            so a change without a write is noted as its last write once more.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/vnode.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

class Vnodes {
 public:
  // `actor_seed` is of a cryptographic source and new for every start; new actors come from it.
  // What is damaged is told in `damage`: such a vnode begins anew under another actor, and the
  // records that name actors it no longer knows are damaged too.
  static Vnodes Load(storage::Engine& engine, uint64_t actor_seed,
                     std::vector<std::string>& damage);

  // A new incarnation, which rebuilds: when committed writes may have been lost, their dots must
  // not be given again. It holds from here on, and is stored with the next commit that succeeds.
  void Rotate(Partition partition);
  // Those that never wrote too: what was lost may be all that they had.
  void RotateAll();
  // The same of a partition that comes to this node: what it once had of it, and handed on, has
  // been received no more. So nothing of what it is sent looks removed.
  void Renew(Partition partition);
  // All that another replica had received is in the records here, as the last commit left them.
  // From here on; stored with the next commit that succeeds.
  void JoinReceived(Partition partition, const ReceivedDots& received);
  // It has all that it ever acknowledged.
  void MarkComplete(Partition partition);
  void MarkAllComplete();
  bool IsRebuilding(Partition partition) const {
    return held_[partition] != nullptr && held_[partition]->vnode.rebuilding;
  }
  // The present incarnation; of a vnode that had none yet a new one.
  ActorId ActorOf(Partition partition);
  // Whether the dot is one that the present incarnation is still to give. Somebody else knows it:
  // then this replica's data went back in time.
  bool IsBehind(Partition partition, Dot dot) const;
  // The same of any dot that the context covers.
  bool IsBehind(Partition partition, const Context& context) const;

  const Vnode& Of(Partition partition);
  // For whoever reads records, or writes one and adds actors: then NoteActors comes after.
  ActorTable& ActorsOf(Partition partition) { return At(partition).vnode.actors; }
  void NoteActors(Partition partition);

  // The next dot of the vnode's own. It counts from here on, even if the turn's commit fails: a
  // number that nobody has seen is never given again.
  Dot Mint(Partition partition);
  // A write of another actor is in the batch. It counts as received once that is committed.
  void Receive(Partition partition, Dot dot);

  // The last thing before the engine's commit: what the turn changed goes into the batch, ...
  void Stage();
  // ... and what became of it.
  void Settle(bool committed);

 private:
  struct Held {
    Vnode vnode;
    size_t stored_actors = 0;  // size of the table as it is on disk
    uint64_t period = 0;       // of the journal in which it last changed
  };
  // Further from 0 than StageVnodes looks back.
  static constexpr uint64_t kFirstPeriod = 2;
  struct Received {
    Partition partition;
    Dot dot;
  };

  explicit Vnodes(storage::Engine& engine, uint64_t actor_seed)
      : engine_(&engine), actor_state_(actor_seed) {}

  Held& At(Partition partition);
  ActorId NewActor();
  void Restate(Partition partition) { restated_.push_back(partition); }
  void Note(Partition partition, Dot dot, uint64_t flags);
  void NoteOwn(Partition partition);
  void StageActors();
  void StageVnodes();
  void LoadActors(std::vector<std::string>& damage);
  std::vector<Partition> LoadVnodes(std::vector<std::string>& damage);
  bool LoadJournal();
  bool Replay(std::string_view key, std::string_view bytes);

  storage::Engine* engine_;
  uint64_t actor_state_;
  std::array<std::unique_ptr<Held>, kPartitions> held_;  // nullptr: never written here
  std::vector<Partition> restated_;  // changed without a write, and not stored; may repeat
  std::vector<Partition> grown_;     // whose tables have actors that are not stored; may repeat
  std::vector<Received> received_;   // of the turn
  std::string entry_;                // of the turn
  std::string scratch_;
  uint64_t next_entry_ = 0;
  uint64_t journal_bytes_ = 0;
  uint64_t period_ = kFirstPeriod;  // grows when the vnodes take the journal's place
  bool vnodes_due_ = false;         // in the next commit, however short the journal is
  bool vnodes_staged_ = false;
};

// For whoever looks at a store from outside: the table of actors in an entry of kMeta.
struct ActorsEntry {
  Partition partition = 0;
  bool damaged = false;
  ActorTable actors;
};
// nullopt: the entry is not one that holds a table.
std::optional<ActorsEntry> ReadActorsEntry(std::string_view key, std::string_view value);

}  // namespace cartwheel::cluster
