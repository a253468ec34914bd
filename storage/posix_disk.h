// The directory of a store as a Disk.
#pragma once

#include <memory>
#include <string>

#include "storage/disk.h"

namespace cartwheel::storage {

// `directory` exists. Errors name the path and what the operator can do.
std::unique_ptr<Disk> NewPosixDisk(const std::string& directory);

}  // namespace cartwheel::storage
