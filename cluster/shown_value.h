// What plain commands see of a container: the one value that a client without an idea of siblings
// is shown.
//
// It is the winner's; where that is an integer, or there is none, what was counted beside it is
// added. A key with versions is gone when all of them have expired, counted or not: an increment
// belongs to the value that it found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cluster/container.h"
#include "cluster/value.h"

namespace cartwheel::cluster {

// nullopt: nothing is shown. `text` holds the digits of a counter's value, if it is one; the
// value's bytes are a view into the container's or into `text`.
std::optional<Value> ShownValue(const Container& container, int64_t now_ms, std::string& text);

// When the key will be gone if nobody writes it: when the last of its versions expires. kNoExpiry:
// never, or it is gone already.
ExpireAt GoneAt(const Container& container);

}  // namespace cartwheel::cluster
