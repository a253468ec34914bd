// Records of either kind that a store may hold: containers, and those written before there were
// versions (record.h), which are read as one version that has no dot yet.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "cluster/actor_table.h"
#include "cluster/container.h"
#include "cluster/container_codec.h"

namespace cartwheel::cluster {

// As DecodeStored. Of an old record `out` has one version, with the dot {}, and no context.
std::expected<void, ContainerFault> DecodeAnyRecord(std::string_view store_key,
                                                    std::string_view record,
                                                    const ActorTable& actors, Container& out);

// As PeekMayBeHidden.
bool MayBeHidden(std::string_view record);

// Of the values of all versions.
size_t BytesOf(const Container& container);

// What the record of a value takes that was written once.
size_t RecordBytesOf(const Value& value);

}  // namespace cartwheel::cluster
