// The error reply about a key whose record cannot be read.
#pragma once

#include <string>

#include "cluster/container_codec.h"
#include "cluster/value.h"

namespace cartwheel::server {

std::string DamagedRecord(const cluster::KeyRef& ref, cluster::ContainerFault fault);

}  // namespace cartwheel::server
