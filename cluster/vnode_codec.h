// The stored forms of a vnode and of its actor table, each sealed with a checksum seeded with the
// key it is stored under.
//
//   vnode:  u8 format 2, u64 actor, varint counter, actor table, received dots,
//           varint number of flushed actors, of each: u64 id, varint number,
//           u8 flags (1 rebuilding; format 1 had none), u32 checksum
//   actors: u8 format 1, actor table, u32 checksum
//
// The table is stored twice, with the vnode and by itself, because a partition whose table is lost
// has no readable record left.
#pragma once

#include <string>
#include <string_view>

#include "cluster/vnode.h"

namespace cartwheel::cluster {

// Overwrite `out`, whose capacity is reused.
void EncodeVnode(std::string_view key, const Vnode& vnode, std::string& out);
void EncodeActors(std::string_view key, const ActorTable& actors, std::string& out);

// Never trust the bytes; false when they are not what was encoded under that key. `out` is changed
// only on success.
bool DecodeVnode(std::string_view key, std::string_view bytes, Vnode& out);
bool DecodeActors(std::string_view key, std::string_view bytes, ActorTable& out);

}  // namespace cartwheel::cluster
