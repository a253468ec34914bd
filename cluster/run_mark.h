// What a store says of the run that used it last: whether it ended in order, and if not, whether
// commits may have been lost that others have seen.
//
// A process that is killed loses nothing that it committed: the kernel has it. Only with the kernel
// itself, or the power, commits go that were not yet forced to the disk. So a run that did not end
// in order, under another boot of the kernel, without appendfsync always, may have lost some. The
// mark of a run that began has to be on the disk before anybody sees one of its commits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cartwheel::cluster {

struct RunMark {
  std::string boot_id;          // of the kernel it ran under
  bool always_durable = false;  // all through it no commit was seen before it was on the disk
  bool ended = false;           // in order, and all of it is on the disk

  bool operator==(const RunMark&) const = default;
};

// u8 format, u8 flags (1 always durable, 2 ended), the boot id, u32 checksum.
std::string EncodeRunMark(const RunMark& mark);
// Never trusts the bytes.
std::optional<RunMark> DecodeRunMark(std::string_view bytes);

// `stored`: the mark of the run before, if any; a damaged one says nothing good.
bool MayHaveLostWrites(std::optional<std::string_view> stored, std::string_view boot_id);

}  // namespace cartwheel::cluster
