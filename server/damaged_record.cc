#include "server/damaged_record.h"

#include "server/config_text.h"
#include "server/errors.h"

namespace cartwheel::server {
namespace {

constexpr size_t kShownOfKey = 128;

}  // namespace

std::string DamagedRecord(const cluster::KeyRef& ref, cluster::ContainerFault fault) {
  return std::string(kDamagedRecord)
      .append(cluster::Describe(fault))
      .append(" (key ")
      .append(QuoteWord(ref.key.substr(0, kShownOfKey)))
      .append(")");
}

}  // namespace cartwheel::server
