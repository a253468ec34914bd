// The reply of CLUSTER VERIFY.
#pragma once

#include <string>

#include "cluster/verification.h"

namespace cartwheel::server {

// Lines for people, each with its end.
std::string VerifyPicture(const cluster::Verified& verified);

}  // namespace cartwheel::server
