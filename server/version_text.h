// Dots, times and contexts as a person reads them: in DYN.KEYINFO, DYN.CONFLICTS and DYN.GET.
#pragma once

#include <string>

#include "cluster/container.h"

namespace cartwheel::server {

std::string TextOf(cluster::Dot dot);  // "0123456789abcdef:7": actor and number
std::string TextOf(cluster::Hlc hlc);  // "1732600000000.3": Unix milliseconds, then logical
std::string TextOf(const cluster::Context& context);  // "0123456789abcdef:1-7 ...", "nothing"
// What is counted, by whom: "5 = 0123456789abcdef +7 -2 ..."; "none" when nothing is.
std::string TextOf(const cluster::Counter& counter);
// "never", "in 60000 ms (at 1732600060000)", "1 ms ago (at ...)".
std::string ExpiryText(cluster::ExpireAt expire_at, int64_t now_ms);

}  // namespace cartwheel::server
