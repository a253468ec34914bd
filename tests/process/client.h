// Clients of a server process: a synchronous one over hiredis, and a bare socket for what no
// well-behaved client does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct redisContext;

namespace cartwheel {

using Words = std::vector<std::string>;

// Replies are shown as text: a string as itself, an integer in decimal, an error with its '-', nil
// as "(nil)", an array as "[a, b]", a connection that ended as "(closed)".
class Client {
 public:
  explicit Client(int port);
  explicit Client(const std::string& socket_path);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) = delete;

  bool connected() const;
  std::string Call(const Words& command);
  // Pipelining: requests gather until the first Read.
  void Append(const Words& command);
  std::string Read();
  // Sends what was appended. False: the connection has ended.
  bool Send();

 private:
  void SetPatience();

  struct Free {
    void operator()(redisContext* context) const;
  };
  std::unique_ptr<redisContext, Free> context_;
};

// Every wait ends after kPatience.
class BareSocket {
 public:
  // `address`: IPv4 or IPv6.
  explicit BareSocket(int port, const std::string& address = "127.0.0.1");
  ~BareSocket();
  BareSocket(const BareSocket&) = delete;
  BareSocket& operator=(const BareSocket&) = delete;

  bool connected() const { return connected_; }
  // False: the connection has ended, or nobody reads.
  bool Send(std::string_view bytes);
  // What the socket takes at once.
  size_t SendSome(std::string_view bytes);
  // Fewer bytes when the connection ends before.
  std::string Read(size_t bytes);
  // Up to the end of the connection.
  std::string ReadAll();
  // The end has been seen by now; what still arrives is dropped.
  bool Closed();
  void EndOutput();

 private:
  int fd_;
  bool connected_;
};

// One request in RESP.
std::string Encode(const Words& words);

// The value of a line of INFO, empty when there is none.
std::string InfoField(Client& client, std::string_view section, std::string_view field);

}  // namespace cartwheel
