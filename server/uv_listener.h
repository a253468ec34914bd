// A socket that accepts clients: TCP or Unix domain.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include <uv.h>

#include "server/config.h"

namespace cartwheel::server {

class UvLoop;

class UvListener {
 public:
  // Stops accepting at once; the listener is freed when the loop lets go of its handle.
  struct Closer {
    void operator()(UvListener* listener) const { listener->Close(); }
  };
  using Owner = std::unique_ptr<UvListener, Closer>;
  struct Failure {
    int code;             // libuv's
    std::string message;  // names the address and what to do
  };
  using Result = std::expected<Owner, Failure>;

  // `address`: an IPv4 or IPv6 address, "*" or "::*" for all of a family. `option`: the one that
  // `port` is of.
  static Result ListenTcp(UvLoop& loop, const std::string& address, int port,
                          std::string_view option, int backlog);
  // Replaces a socket file that a dead server left behind, never another file or a live server's.
  static Result ListenUnix(UvLoop& loop, const Config& config);

 private:
  UvListener(UvLoop& loop, bool unix_socket);
  ~UvListener() = default;
  void Close();
  int Start(int backlog);
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle_); }
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&handle_); }

  UvLoop& loop_;
  const bool unix_socket_;
  uv_any_handle handle_{};
};

}  // namespace cartwheel::server
