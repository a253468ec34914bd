#include "cluster/container_digest.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

TEST(ContainerDigest, EqualKnowledgeHasOneDigestAndAnythingElseAnother) {
  const RandomContainers containers(11, 400);
  std::map<std::string, ContainerDigest> digests;
  std::string scratch = "of an earlier call";
  for (Container container : containers.states()) {
    const ContainerDigest digest = DigestOf(container, scratch);
    container.own_contiguous = !container.own_contiguous;
    EXPECT_EQ(DigestOf(container, scratch), digest) << "it is of this replica alone";
    const auto [known, is_new] = digests.try_emplace(MessageOf(container), digest);
    EXPECT_EQ(known->second, digest);
  }
  ASSERT_GT(digests.size(), 50u);
  std::map<std::pair<uint64_t, uint64_t>, int> distinct;
  for (const auto& [message, digest] : digests) ++distinct[{digest.low, digest.high}];
  EXPECT_EQ(distinct.size(), digests.size());
}

TEST(ContainerDigest, AnEmptyContainerHasOneToo) {
  std::string scratch;
  EXPECT_EQ(DigestOf(Container{}, scratch), DigestOf(Container{}, scratch));
  EXPECT_NE(DigestOf(Container{}, scratch), ContainerDigest{});
}

}  // namespace
}  // namespace cartwheel::cluster
