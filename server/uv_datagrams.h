// The socket for datagrams between the nodes: bytes in, bytes out, nothing of their meaning. What
// the system does not take at once is dropped, as the network may do with it anyway.
#pragma once

#include <array>
#include <expected>
#include <string>
#include <string_view>

#include <uv.h>

namespace cartwheel::server {

class UvLoop;

class UvDatagrams {
 public:
  // What comes in goes to the loop's server. Must outlive the run of the loop in which it is
  // stopped.
  explicit UvDatagrams(UvLoop& loop);
  UvDatagrams(const UvDatagrams&) = delete;
  UvDatagrams& operator=(const UvDatagrams&) = delete;

  // The error is libuv's.
  std::expected<void, std::string> Listen(const sockaddr& address);
  void Send(const sockaddr& to, std::string_view bytes);
  void Stop();

 private:
  void OnDatagram(ssize_t length, const sockaddr* from, unsigned flags);

  UvLoop& loop_;
  uv_udp_t udp_{};
  std::array<char, 2048> buffer_;  // one is looked at before the next is read
};

}  // namespace cartwheel::server
