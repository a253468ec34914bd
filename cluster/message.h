// What nodes say to each other: small structs in one variant, dispatched by overloads.
//
// A decoded message borrows from the frame that it came in: keys, arguments, replies and versions'
// bytes are views into it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cluster/bases.h"
#include "cluster/container.h"
#include "cluster/container_digest.h"
#include "cluster/dot_list.h"
#include "cluster/levels.h"
#include "cluster/mac.h"
#include "cluster/merkle_tree.h"
#include "cluster/node_id.h"
#include "cluster/own_writes.h"
#include "cluster/refusal.h"
#include "cluster/scan_place.h"
#include "cluster/value.h"
#include "cluster/vnode.h"

namespace cartwheel::cluster {

// Chosen by who asks, and given back with the answer; unique among those of one connection.
enum class RequestId : uint64_t {};

// The versions of the protocol that this program speaks. In the first one nobody proved anything:
// were it still spoken, nobody would have to.
// The second knew no partitions that move.
inline constexpr uint16_t kOldestProtocol = 3;
inline constexpr uint16_t kNewestProtocol = 3;

// What a node makes the other end of a connection prove its knowledge on. Random, so that no two
// connections have the same: what was heard on one is of no use on another.
using Challenge = std::array<uint8_t, 16>;

// The first message in each direction, and the only one whose form never changes but by additions
// at its end, which older versions pass over. Nothing that it says is proven before the Proof.
struct Hello {
  uint16_t oldest_protocol = kOldestProtocol;
  uint16_t newest_protocol = kNewestProtocol;
  uint64_t cluster_id = 0;  // another cluster's messages are never looked at
  NodeId node = kNoNode;
  // New with every start. Two that live at the same time are a cloned data directory.
  uint64_t boot_nonce = 0;
  uint64_t epoch = 0;         // of the topology
  uint64_t capabilities = 0;  // a bit each, for what is not a version of everything
  // Where clients reach the node. An empty host: where the other nodes do; port 0: nowhere.
  uint16_t client_port = 0;
  std::string client_host{};
  Challenge challenge{};

  bool operator==(const Hello&) const = default;
};

// The second message in each direction: what both Hellos said is true, says somebody who knows the
// secret of the cluster (link_proof.h).
struct Proof {
  Mac mac{};
  bool operator==(const Proof&) const = default;
};

// The newest version that both speak; nullopt: none.
std::optional<uint16_t> CommonProtocol(const Hello& a, const Hello& b);

// Store this copy, in the replica or, for another owner, as a hint. Writes and read repairs.
struct Replicate {
  RequestId id{};
  KeyRef ref{};
  uint64_t epoch = 0;  // of the partition, for the sender
  // The incarnation that is meant: what one of them is known to have does not hold of the next.
  // None: a fallback, whose incarnation does not matter.
  ActorId target{};
  NodeId hint_for = kNoNode;
  // Have it on disk before the answer, whatever the node does otherwise.
  bool wants_durable = false;
  DotList dots{};  // of the writes that the copy brings, for the received dots
  Container container{};

  bool operator==(const Replicate&) const = default;
};

struct ReplicateReply {
  RequestId id{};
  Refusal refusal = Refusal::kNone;
  bool durable = false;
  ActorId actor{};  // of the replica, now

  bool operator==(const ReplicateReply&) const = default;
};

struct Read {
  RequestId id{};
  KeyRef ref{};
  uint64_t epoch = 0;      // as in Replicate
  DotList session_dots{};  // which of these has the replica received?
  // Of what is known already: who has the very same says so instead of sending it.
  std::optional<ContainerDigest> known{};

  bool operator==(const Read&) const = default;
};

struct ReadReply {
  RequestId id{};
  Refusal refusal = Refusal::kNone;  // otherwise the rest means nothing
  bool complete = false;             // not rebuilding
  ActorId actor{};
  DotList received{};                    // of the session's dots
  bool as_known = false;                 // its container is what Read::known said
  std::optional<Container> container{};  // none, and not as_known: no record

  bool operator==(const ReadReply&) const = default;
};

// A client's command, from the node that the client is connected to, the gateway, to one that can
// coordinate it.
struct Forward {
  // Of the gateway and its boot nonce, ascending. The same one again asks for the same result.
  uint64_t sequence = 0;
  Database database = 0;
  uint8_t resp = 2;  // the protocol in which the client is to be answered: 2 or 3
  Levels levels{};
  Seen session{};                             // what the client's connection has seen of the key
  std::vector<std::string_view> arguments{};  // the command's name first

  bool operator==(const Forward&) const = default;
};

struct ForwardReply {
  uint64_t sequence = 0;
  std::string_view reply{};          // RESP, as the client gets it
  Seen seen{};                       // what the client has seen of the key with that
  std::vector<WriteRange> writes{};  // that were made for it, as OwnWrites::Ranges has them

  bool operator==(const ForwardReply&) const = default;
};

// Is the connection alive, and how long does an answer take?
struct Ping {
  uint64_t nonce = 0;
  bool operator==(const Ping&) const = default;
};

struct Pong {
  uint64_t nonce = 0;  // of the ping
  bool operator==(const Pong&) const = default;
};

// What the sender, an owner, has received of partitions that both own; see bases.h.
struct TellReceived {
  struct OfPartition {
    Partition partition = 0;
    uint64_t epoch = 0;  // for the sender, when it told
    OwnerWord told{};
    bool operator==(const OfPartition&) const = default;
  };
  std::vector<OfPartition> partitions{};

  bool operator==(const TellReceived&) const = default;
};

// Which keys of a database does the replica have, from one place to before another? About `count`
// of them, in store order (LocalStore::List).
struct ListKeys {
  RequestId id{};
  uint64_t epoch = 0;  // the largest of the partitions in the range, for the sender
  Database database = 0;
  ScanPlace from = 0;
  ScanPlace until = 0;
  uint64_t count = 0;

  bool operator==(const ListKeys&) const = default;
};

struct KeyList {
  RequestId id{};
  uint64_t epoch = 0;          // as in ListKeys
  bool complete = false;       // no partition of the places that it lists is rebuilding
  uint64_t database_keys = 0;  // that the replica has in the whole database
  ScanPlace next = 0;          // all before it is listed
  std::vector<std::string_view> keys{};

  bool operator==(const KeyList&) const = default;
};

// Of which partitions has the replica received all of these writes? As OwnWrites::Ranges has them.
struct AskReceived {
  RequestId id{};
  std::vector<WriteRange> writes{};

  bool operator==(const AskReceived&) const = default;
};

// Those that it owns, is not rebuilding, and has all of that was asked for.
struct ReceivedReply {
  RequestId id{};
  std::vector<Partition> held{};  // ascending

  bool operator==(const ReceivedReply&) const = default;
};

// A part of what the replica has of a partition that it owns, or is to hand on: its records in
// store order from behind `after` on (empty: from the first), up to about so many bytes. Left out
// is what who asks has received.
struct Fetch {
  RequestId id{};
  Partition partition = 0;
  uint64_t epoch = 0;  // as in Replicate
  uint64_t max_bytes = 0;
  std::string_view after{};  // a store key
  ReceivedDots known{};

  bool operator==(const Fetch&) const = default;
};

struct Fetched {
  struct Item {
    KeyRef ref{};
    Container container{};
    bool operator==(const Item&) const = default;
  };
  RequestId id{};
  Refusal refusal = Refusal::kNone;  // otherwise the rest means nothing
  bool last = false;                 // there is no more behind it
  OwnerWord word{};                  // the replica's, now
  std::string_view next{};           // `after` of what follows
  std::vector<Item> items{};

  bool operator==(const Fetched&) const = default;
};

// What has the replica, an owner, received of a partition? A Fetched without items answers.
struct AskWord {
  RequestId id{};
  Partition partition = 0;
  uint64_t epoch = 0;  // as in Replicate

  bool operator==(const AskWord&) const = default;
};

// A client has published it at the sender: to those who have subscribed at the receiver. Whoever is
// not linked at that moment misses it, as Redis's subscribers do.
struct Published {
  bool shard = false;  // by SPUBLISH, whose channels are apart from the others
  std::string_view channel{};
  std::string_view message{};

  bool operator==(const Published&) const = default;
};

// To be told to all linked members when it changes, to each that comes to be linked, and now and
// then again: what is sent may be lost with the turn's commit.
struct MemberNews {
  uint64_t epoch = 0;  // of the sender's topology
  bool holds_keys = false;
  // It keeps nothing that is others', as it does for owners that were away, or was an owner itself.
  bool drained = false;
  uint64_t keys = 0;
  uint64_t bytes = 0;  // of keys and values, about
  // Of partitions on their way to it (MoveStep::kPrepare): of which it has all.
  std::vector<Partition> arrived{};
  // Why it cannot take what is on its way to it, as a part of one line; empty: it can.
  std::string trouble{};

  bool operator==(const MemberNews&) const = default;
};

// What the members' registers say to each other: register_codec.h.
struct RegisterTalk {
  std::string_view bytes{};
  bool operator==(const RegisterTalk&) const = default;
};

// A question of who wants to be let in, or its answer: join.h. The first thing on a connection, or
// passed on over a link.
struct JoinTalk {
  std::string_view bytes{};
  bool operator==(const JoinTalk&) const = default;
};

// What the members' failure detectors say to each other where a datagram would not do:
// swim_codec.h.
struct SwimTalk {
  std::string_view bytes{};
  bool operator==(const SwimTalk&) const = default;
};

// ---- two owners of a partition compare what they have: anti_entropy.h

// Begins, with the root of the asker's tree (merkle_tree.h), which has so many leaves; or asks for
// the leaves of some branches. `actor`: the asker's incarnation.
struct AskTree {
  RequestId id{};  // of the comparison, in all its messages
  Partition partition = 0;
  uint64_t epoch = 0;  // as in Replicate
  ActorId actor{};
  uint32_t leaves = 0;
  uint64_t root = 0;
  std::vector<uint32_t> branches{};  // ascending

  bool operator==(const AskTree&) const = default;
};

struct TreeReply {
  RequestId id{};
  Refusal refusal = Refusal::kNone;  // otherwise the rest means nothing
  ActorId actor{};                   // the replica's incarnation
  uint32_t leaves = 0;               // the fewer of both trees'
  // Of all branches, none if the roots are the same; or of the leaves asked for.
  std::vector<uint64_t> digests{};

  bool operator==(const TreeReply&) const = default;
};

// What is live in these leaves? None: the comparison has ended, with both found or made equal or
// not.
struct AskKeys {
  RequestId id{};
  Partition partition = 0;
  uint64_t epoch = 0;
  uint32_t leaves = 0;
  bool equal = false;               // of the end
  std::vector<uint32_t> numbers{};  // of leaves, ascending

  bool operator==(const AskKeys&) const = default;
};

struct KeysReply {
  RequestId id{};
  Refusal refusal = Refusal::kNone;
  std::vector<KeyDigest> keys{};

  bool operator==(const KeysReply&) const = default;
};

// Records that differ: here is what the asker has of them. It wants, once they are joined with what
// the replica has, those with these ids.
struct Swap {
  RequestId id{};
  Partition partition = 0;
  uint64_t epoch = 0;
  std::vector<uint64_t> wanted{};  // KeyIdOf, ascending
  std::vector<Fetched::Item> items{};

  bool operator==(const Swap&) const = default;
};

struct Swapped {
  RequestId id{};
  Refusal refusal = Refusal::kNone;
  std::vector<Fetched::Item> items{};

  bool operator==(const Swapped&) const = default;
};

// What are the roots of all partitions that the node owns and is complete in?
struct AskRoots {
  RequestId id{};
  bool operator==(const AskRoots&) const = default;
};

struct RootsReply {
  struct OfPartition {
    Partition partition = 0;
    uint64_t epoch = 0;
    uint64_t root = 0;
    bool operator==(const OfPartition&) const = default;
  };
  RequestId id{};
  std::vector<OfPartition> roots{};  // ascending; those whose tree is not built yet are missing

  bool operator==(const RootsReply&) const = default;
};

// Which of these are the same at the other owner? What begins most comparisons, and ends them.
struct SameRoots {
  RequestId id{};
  std::vector<RootsReply::OfPartition> roots{};

  bool operator==(const SameRoots&) const = default;
};
struct OtherRoots {
  RequestId id{};
  std::vector<Partition> partitions{};  // that differ, or for which it cannot tell
  std::vector<Partition> not_yet{};     // their trees are still being built

  bool operator==(const OtherRoots&) const = default;
};

// ---- what anybody may ask an owner: differing_keys.h

// What is in the leaves of its tree, folded to `leaves` if it has more; or in some, which keys.
struct AskDigests {
  RequestId id{};
  Partition partition = 0;
  uint64_t epoch = 0;               // as in Replicate
  uint32_t leaves = 0;              // as in AskTree
  std::vector<uint32_t> numbers{};  // ascending; none: all leaves, by their digests alone

  bool operator==(const AskDigests&) const = default;
};
struct Digests {
  struct OfKey {
    KeyRef ref{};
    uint64_t digest = 0;
    bool operator==(const OfKey&) const = default;
  };
  RequestId id{};
  Refusal refusal = Refusal::kNone;  // otherwise the rest means nothing
  std::vector<uint64_t> leaves{};
  std::vector<OfKey> keys{};

  bool operator==(const Digests&) const = default;
};

// ---- the first owner of some partitions asks all members: former_actors.h

// Does the node write as one of these, or keep anything that might bring more of their writes?
struct AskFormer {
  struct Actor {
    Partition partition = 0;
    uint64_t epoch = 0;  // as in Replicate
    ActorId actor{};
    bool operator==(const Actor&) const = default;
  };
  RequestId id{};
  std::vector<Actor> actors{};

  bool operator==(const AskFormer&) const = default;
};
struct FormerReply {
  RequestId id{};
  std::vector<Partition> kept{};  // ascending: of these it does, or cannot tell

  bool operator==(const FormerReply&) const = default;
};

// ---- owners of a partition make room together: evicting.h

// The asker needs so many bytes of the partition's keys and values to go.
struct EvictRequest {
  RequestId id{};
  Partition partition = 0;
  uint64_t epoch = 0;  // as in Replicate
  uint64_t bytes = 0;

  bool operator==(const EvictRequest&) const = default;
};

// These are to go, exactly as far as they are named: versions and increments that have come since
// stay.
struct Evict {
  struct Item {
    KeyRef ref{};
    DotList dots{};
    bool operator==(const Item&) const = default;
  };
  RequestId id{};  // of the receiver's request that it answers; 0: of none
  Partition partition = 0;
  uint64_t epoch = 0;
  std::vector<Item> items{};

  bool operator==(const Evict&) const = default;
};

// Keys that clients have used at the sender, by their hashes (UseHashOf).
struct Used {
  struct Key {
    uint64_t hash = 0;
    uint8_t level = 0;  // UsageSketch::LevelOf
    bool operator==(const Key&) const = default;
  };
  std::vector<Key> keys{};

  bool operator==(const Used&) const = default;
};

// Of a later version: to be counted and passed over.
struct UnknownMessage {
  uint8_t type = 0;
  bool operator==(const UnknownMessage&) const = default;
};

using Message =
    std::variant<Hello, Replicate, ReplicateReply, Read, ReadReply, Forward, ForwardReply, Ping,
                 Pong, TellReceived, ListKeys, KeyList, Published, MemberNews, RegisterTalk,
                 JoinTalk, Proof, SwimTalk, AskReceived, ReceivedReply, Fetch, Fetched, AskWord,
                 AskTree, TreeReply, AskKeys, KeysReply, Swap, Swapped, AskRoots, RootsReply,
                 EvictRequest, Evict, Used, SameRoots, OtherRoots, AskDigests, Digests, AskFormer,
                 FormerReply, UnknownMessage>;

}  // namespace cartwheel::cluster
