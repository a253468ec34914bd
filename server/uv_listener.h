// A socket that accepts clients: TCP or Unix domain.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include <uv.h>

#include "server/config.h"

namespace cartwheel::server {

class UvLoop;

class UvListener {
 public:
  using Result = std::expected<std::unique_ptr<UvListener>, std::string>;

  // `address`: an IPv4 or IPv6 address, "*" or "::*" for all of a family.
  static Result ListenTcp(UvLoop& loop, const std::string& address, const Config& config);
  // Replaces a socket file that a dead server left behind.
  static Result ListenUnix(UvLoop& loop, const Config& config);

  // Stops accepting. The listener must live until the loop has run again.
  void Close();

 private:
  explicit UvListener(UvLoop& loop, bool unix_socket) : loop_(loop), unix_socket_(unix_socket) {}
  std::expected<void, std::string> Start(const std::string& name, int backlog);
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle_); }
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&handle_); }

  UvLoop& loop_;
  const bool unix_socket_;
  std::string path_;  // of the socket file, removed at the end
  uv_any_handle handle_{};
};

}  // namespace cartwheel::server
