// One message of every kind at least, with its fields set: what the codec's tests encode, and what
// the fuzzer of messages begins with.
#pragma once

#include <string>
#include <vector>

#include "cluster/message.h"

namespace cartwheel::cluster {

std::vector<Message> SampleMessages();

// As a frame; nothing for an UnknownMessage, which has no form of its own.
std::string Encoded(const Message& message);

}  // namespace cartwheel::cluster
