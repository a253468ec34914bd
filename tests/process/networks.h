// Networks that exist in the kernel of this machine alone, for tests that cut one. They take
// CAP_NET_ADMIN and the program ip.
//
// Nothing is left of one once its object and all processes inside have gone, however they went: no
// file names it.
#pragma once

#include <string>
#include <vector>

namespace cartwheel {

class Network {
 public:
  // What this thread makes meanwhile belongs to that network and stays in it: sockets, and
  // processes that it starts. Of none: nothing changes.
  class Inside {
   public:
    explicit Inside(const Network* network);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    int before_ = -1;
  };

  // With no devices but a loopback that is down.
  Network();
  ~Network();
  Network(Network&& other) noexcept;
  Network& operator=(Network&&) = delete;

  // Otherwise this machine or user may not make any.
  bool ok() const { return fd_ >= 0; }
  // Runs ip with those arguments inside. False: it failed.
  bool Ip(const std::string& words) const;
  // Stands for it in the arguments of ip.
  std::string path() const;

 private:
  int fd_ = -1;
};

// A switch with ports 1 to n, behind each of which is a network with one address. A port that is
// unplugged drops every packet to it and from it without a word.
class Switch {
 public:
  explicit Switch(int ports);

  // Otherwise this machine or user may not make any, and nothing else may be called.
  bool ok() const { return ok_; }
  const Network& At(int port) const { return networks_[static_cast<size_t>(port - 1)]; }
  static std::string AddressOf(int port) { return "10.77.0." + std::to_string(port); }
  void Unplug(int port) const;
  void Plug(int port) const;

 private:
  bool Make() const;

  Network hub_;
  std::vector<Network> networks_;
  bool ok_ = false;
};

// For GTEST_SKIP.
inline constexpr const char* kNoNetworks =
    "networks cannot be made here: CAP_NET_ADMIN and ip needed";

}  // namespace cartwheel
