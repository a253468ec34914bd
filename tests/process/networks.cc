#include "tests/process/networks.h"

#include <cstdlib>
#include <fcntl.h>
#include <sched.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

namespace cartwheel {
namespace {

constexpr const char* kOfThisThread = "/proc/thread-self/ns/net";

}  // namespace

Network::Inside::Inside(const Network* network) {
  if (network == nullptr) return;
  before_ = open(kOfThisThread, O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(setns(network->fd_, CLONE_NEWNET), 0);
}

Network::Inside::~Inside() {
  if (before_ < 0) return;
  EXPECT_EQ(setns(before_, CLONE_NEWNET), 0);
  close(before_);
}

Network::Network() {
  // A thread of its own, which leaves ours where it is. Servers must not inherit what holds a
  // network, nor does ip need it: it opens the path.
  std::thread([this] {
    if (unshare(CLONE_NEWNET) == 0) fd_ = open(kOfThisThread, O_RDONLY | O_CLOEXEC);
  }).join();
}

Network::~Network() {
  if (fd_ >= 0) close(fd_);
}

Network::Network(Network&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

bool Network::Ip(const std::string& words) const {
  const Inside inside(this);
  return std::system(("ip " + words).c_str()) == 0;  // NOLINT(cert-env33-c,concurrency-mt-unsafe)
}

std::string Network::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_);
}

Switch::Switch(int ports) : networks_(static_cast<size_t>(ports)), ok_(Make()) {}

bool Switch::Make() const {
  if (!hub_.ok() || !hub_.Ip("link add br0 type bridge 2>/dev/null") ||
      !hub_.Ip("link set br0 up")) {
    return false;
  }
  for (int id = 1; id <= static_cast<int>(networks_.size()); ++id) {
    const std::string port = "port" + std::to_string(id);
    const Network& network = At(id);
    if (!network.ok() || !network.Ip("link set lo up") ||
        !hub_.Ip("link add " + port + " type veth peer name eth0 netns " + network.path()) ||
        !hub_.Ip("link set " + port + " master br0 up") ||
        !network.Ip("addr add " + AddressOf(id) + "/24 dev eth0") ||
        !network.Ip("link set eth0 up")) {
      return false;
    }
  }
  return true;
}

void Switch::Unplug(int port) const {
  EXPECT_TRUE(hub_.Ip("link set port" + std::to_string(port) + " nomaster"));
}

void Switch::Plug(int port) const {
  EXPECT_TRUE(hub_.Ip("link set port" + std::to_string(port) + " master br0"));
}

}  // namespace cartwheel
