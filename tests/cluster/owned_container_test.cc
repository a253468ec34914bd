#include "cluster/owned_container.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

TEST(OwnedContainer, ItKeepsTheBytesWhenWhatItWasCopiedFromIsGone) {
  auto bytes = std::make_unique<std::string>("a value");
  Container container;
  Put(container,
      {.dot = {ActorId{1}, 1}, .value_dot = {ActorId{1}, 1}, .hlc = {}, .bytes = *bytes});
  Put(container, {.dot = {ActorId{2}, 1}, .value_dot = {ActorId{2}, 1}, .hlc = {}, .bytes = ""});
  OwnedContainer owned(container);
  const OwnedContainer copy = owned;
  const OwnedContainer moved = std::move(owned);
  bytes->assign("another");
  bytes.reset();
  for (const OwnedContainer* each : {&copy, &moved}) {
    ASSERT_EQ(each->get().versions.size(), 2u);
    EXPECT_EQ(each->get().versions[0].bytes, "a value");
    EXPECT_EQ(each->get().versions[1].bytes, "");
  }
}

TEST(OwnedContainer, ItIsTheContainerThatItWasMadeOf) {
  const RandomContainers containers(1, 200);
  for (const Container& container : containers.states()) {
    ASSERT_EQ(OwnedContainer(container).get(), container);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
