// `cartwheel-server --check-data DIR`: whether a data directory is sound, for a person.
#pragma once

#include <string>

namespace cartwheel::server {

struct DataReport {
  int exit_code = 0;  // 0: sound; 1: damaged; 2: could not be checked
  std::string text;   // whole lines
};

// Reads everything in a directory that no server uses, and changes nothing in it.
DataReport CheckData(const std::string& directory);

}  // namespace cartwheel::server
