// A container that owns its versions' bytes: what outlives the record or the message that it was
// decoded from.
#pragma once

#include <memory>

#include "cluster/container.h"

namespace cartwheel::cluster {

class OwnedContainer {
 public:
  OwnedContainer() = default;
  // Copies the bytes. (A move of this object moves none, and leaves the views valid.)
  explicit OwnedContainer(Container container);
  OwnedContainer(OwnedContainer&&) noexcept = default;
  OwnedContainer& operator=(OwnedContainer&&) noexcept = default;
  OwnedContainer(const OwnedContainer& other) : OwnedContainer(other.container_) {}
  OwnedContainer& operator=(const OwnedContainer& other) {
    return *this = OwnedContainer(other.container_);
  }
  ~OwnedContainer() = default;

  const Container& get() const { return container_; }

 private:
  Container container_;
  std::unique_ptr<char[]> bytes_;  // of all versions, one behind the other
};

}  // namespace cartwheel::cluster
