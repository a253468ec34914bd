// A few dots, mostly one.
#pragma once

#include <boost/container/small_vector.hpp>

#include "cluster/dot.h"

namespace cartwheel::cluster {

using DotList = boost::container::small_vector<Dot, 2>;

}  // namespace cartwheel::cluster
