#include "cluster/deadline_queue.h"

#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

using Queue = DeadlineQueue<int>;

TEST(DeadlineQueue, IsEmptyAtFirst) {
  Queue queue;
  EXPECT_EQ(queue.Next(), std::nullopt);
  EXPECT_EQ(queue.TakeDue(1'000), std::nullopt);
}

TEST(DeadlineQueue, GivesNothingBeforeItIsDue) {
  Queue queue;
  queue.Add(10, 1);
  EXPECT_EQ(queue.Next(), 10);
  EXPECT_EQ(queue.TakeDue(9), std::nullopt);
  EXPECT_EQ(queue.TakeDue(10), 1);
  EXPECT_EQ(queue.Next(), std::nullopt);
}

TEST(DeadlineQueue, OfOneTimeTheSmallerComesFirst) {
  Queue queue;
  for (const int what : {3, 1, 2}) queue.Add(10, what);
  EXPECT_EQ(queue.TakeDue(10), 1);
  EXPECT_EQ(queue.TakeDue(10), 2);
  EXPECT_EQ(queue.TakeDue(10), 3);
}

// Beside a set, with waits of more kinds than there are lanes.
TEST(DeadlineQueue, GivesAllInOrderWhateverTheOrderTheyCameIn) {
  constexpr int64_t kWaits[] = {5, 10, 250, 7, 3, 1'000};
  Random random(7);
  Queue queue;
  std::set<std::pair<int64_t, int>> model;
  int64_t now_us = 0;
  for (int what = 0; what < 20'000; ++what) {
    now_us += static_cast<int64_t>(random.Below(3));
    const int64_t at_us = now_us + kWaits[random.Below(std::size(kWaits))];
    queue.Add(at_us, what);
    model.emplace(at_us, what);
    if (random.Percent(50)) continue;
    while (const auto taken = queue.TakeDue(now_us)) {
      ASSERT_EQ(*taken, model.begin()->second);
      model.erase(model.begin());
    }
    ASSERT_EQ(queue.Next(), model.empty() ? std::nullopt : std::optional(model.begin()->first));
    ASSERT_TRUE(model.empty() || model.begin()->first > now_us);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
