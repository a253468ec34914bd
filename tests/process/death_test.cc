// Five real nodes under load, one of which dies or stands still: what the clients of the others
// see.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_cluster.h"

namespace cartwheel {
namespace {

using std::chrono::steady_clock;
using testing::IsEmpty;
using testing::StartsWith;

constexpr int kNodes = 5;
constexpr int kVictim = 3;
constexpr int kClientsOfANode = 2;

// One operation after another at one node, on keys that all of them own.
class Load {
 public:
  Load(Client client, size_t number) : client_(std::move(client)), number_(number) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Load() { End(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  void End() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Once it has ended.
  const std::vector<int64_t>& took_us() const { return took_us_; }
  const std::vector<std::string>& failed_reads() const { return failed_reads_; }
  const std::vector<std::string>& failed_writes() const { return failed_writes_; }

 private:
  void Run() {
    for (size_t i = 0; !stop_; ++i) {
      const std::string key = "k" + std::to_string(number_) + ":" + std::to_string(i % 100);
      const std::string wrote = Timed({"SET", key, "v"});
      if (wrote != "OK") failed_writes_.push_back(wrote);
      const std::string read = Timed({"GET", key});
      if (read != "v" && wrote == "OK") failed_reads_.push_back(read);
    }
  }
  std::string Timed(const Words& command) {
    const auto began = steady_clock::now();
    std::string reply = client_.Call(command);
    took_us_.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began).count());
    return reply;
  }

  Client client_;
  const size_t number_;
  std::atomic<bool> stop_ = false;
  std::vector<int64_t> took_us_;
  std::vector<std::string> failed_reads_;
  std::vector<std::string> failed_writes_;
  std::thread thread_;
};

// What befalls the victim in the midst of it.
template <typename Happens>
void ExpectThatOthersServeOn(ServerCluster& nodes, const char* what, Happens&& happens) {
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitAllUp());
  std::vector<std::unique_ptr<Load>> loads;
  for (int id = 1; id <= kNodes; ++id) {
    for (int i = 0; i < kClientsOfANode && id != kVictim; ++i) {
      loads.push_back(std::make_unique<Load>(nodes.Connect(id), loads.size()));
    }
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  happens();
  const auto began = steady_clock::now();
  EXPECT_TRUE(nodes.AwaitPeer(kVictim, "down"));
  const std::chrono::duration<double> noticed = steady_clock::now() - began;
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  std::vector<int64_t> took_us;
  size_t uncertain = 0;
  for (const auto& load : loads) {
    load->End();
    took_us.insert(took_us.end(), load->took_us().begin(), load->took_us().end());
    EXPECT_THAT(load->failed_reads(), IsEmpty());
    // Of those under way at the victim nobody knows.
    EXPECT_LE(load->failed_writes().size(), 1U);
    for (const std::string& reply : load->failed_writes()) {
      EXPECT_THAT(reply, StartsWith("-UNCERTAIN"));
      ++uncertain;
    }
  }
  std::ranges::sort(took_us);
  std::cout << what << ": " << took_us.size() << " operations, p50 " << took_us[took_us.size() / 2]
            << " us, p99.9 " << took_us[took_us.size() * 999 / 1000] << " us, longest "
            << took_us.back() << " us; " << uncertain << " uncertain writes; noticed by all within "
            << noticed.count() << " s\n";
}

TEST(Death, ANodeThatIsKilledCostsClientsOfOthersNothingButWhatItHadUnderWay) {
  ServerCluster nodes(kNodes);
  ExpectThatOthersServeOn(nodes, "killed", [&] { nodes.Kill(kVictim); });
}

TEST(Death, ANodeThatStandsStillIsPassedOverUntilItGoesOn) {
  ServerCluster nodes(kNodes);
  ExpectThatOthersServeOn(nodes, "stopped", [&] { nodes.Pause(kVictim); });
  nodes.Resume(kVictim);
  EXPECT_TRUE(nodes.AwaitPeer(kVictim, "up"));
}

}  // namespace
}  // namespace cartwheel
