// The reply of CLUSTER VERIFY.
#pragma once

#include <optional>
#include <string>

#include "cluster/differing_keys.h"
#include "cluster/verification.h"

namespace cartwheel::server {

// Lines for people, each with its end.
std::string VerifyPicture(const cluster::Verified& verified,
                          const std::optional<cluster::DifferingKeys::Result>& keys = {});

}  // namespace cartwheel::server
