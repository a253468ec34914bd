// The words that Redis has for command flags, ACL categories and key flags, in the order in which
// it reports them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "resp/reply_writer.h"

namespace cartwheel::server {

struct NamedBit {
  uint32_t bit;
  std::string_view name;
};

std::span<const NamedBit> CommandFlagNames();  // "write"; without what Redis does not report
std::span<const NamedBit> AclCategoryNames();  // "@read"
std::span<const NamedBit> KeyFlagNames();      // "RW", "access"

// The names of the bits that are set, as a set of simple strings.
void WriteNames(resp::ReplyWriter& reply, std::span<const NamedBit> names, uint32_t bits);

}  // namespace cartwheel::server
