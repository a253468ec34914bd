#include "tests/process/client.h"

#include <array>
#include <cerrno>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

constexpr timeval kTimeout = {.tv_sec = kPatience.count(), .tv_usec = 0};

std::string Show(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_NIL: return "(nil)";
    case REDIS_REPLY_INTEGER: return std::to_string(reply.integer);
    case REDIS_REPLY_ERROR: return "-" + std::string(reply.str, reply.len);
    case REDIS_REPLY_ARRAY: break;
    default: return {reply.str, reply.len};
  }
  std::string shown = "[";
  for (size_t i = 0; i < reply.elements; ++i) {
    if (i > 0) shown += ", ";
    shown += Show(*reply.element[i]);
  }
  return shown + "]";
}

}  // namespace

void Client::Free::operator()(redisContext* context) const {
  redisFree(context);
}

Client::Client(int port) : context_(redisConnectWithTimeout("127.0.0.1", port, kTimeout)) {
  SetPatience();
}

Client::Client(const std::string& socket_path)
    : context_(redisConnectUnixWithTimeout(socket_path.c_str(), kTimeout)) {
  SetPatience();
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

void Client::SetPatience() {
  if (connected()) redisSetTimeout(context_.get(), kTimeout);
}

bool Client::connected() const {
  return context_ != nullptr && context_->err == 0;
}

std::string Client::Call(const Words& command) {
  Append(command);
  return Read();
}

void Client::Append(const Words& command) {
  std::vector<const char*> words;
  std::vector<size_t> lengths;
  for (const std::string& word : command) {
    words.push_back(word.data());
    lengths.push_back(word.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), words.data(),
                         lengths.data());
}

std::string Client::Read() {
  void* read = nullptr;
  if (!connected() || redisGetReply(context_.get(), &read) != REDIS_OK) return "(closed)";
  auto* reply = static_cast<redisReply*>(read);
  std::string shown = Show(*reply);
  freeReplyObject(reply);
  return shown;
}

bool Client::Send() {
  int done = 0;
  while (done == 0) {
    if (!connected() || redisBufferWrite(context_.get(), &done) != REDIS_OK) return false;
  }
  return true;
}

BareSocket::BareSocket(int port, const std::string& address) {
  addrinfo* found = nullptr;
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  EXPECT_EQ(getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found), 0);
  fd_ = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof kTimeout);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof kTimeout);
  connected_ = connect(fd_, found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
}

BareSocket::~BareSocket() {
  close(fd_);
}

bool BareSocket::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

size_t BareSocket::SendSome(std::string_view bytes) {
  const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent > 0 ? static_cast<size_t>(sent) : 0;
}

std::string BareSocket::Read(size_t bytes) {
  std::string all(bytes, '\0');
  size_t got = 0;
  while (got < bytes) {
    const ssize_t more = recv(fd_, all.data() + got, bytes - got, 0);
    if (more <= 0) break;
    got += static_cast<size_t>(more);
  }
  all.resize(got);
  return all;
}

std::string BareSocket::ReadAll() {
  std::string all;
  std::array<char, 64 << 10> buffer;
  ssize_t got = 0;
  while ((got = recv(fd_, buffer.data(), buffer.size(), 0)) > 0) {
    all.append(buffer.data(), static_cast<size_t>(got));
  }
  EXPECT_FALSE(got < 0 && errno == EAGAIN) << "still open";
  return all;
}

bool BareSocket::Closed() {
  std::array<char, 64 << 10> buffer;
  ssize_t got = 0;
  while ((got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
  }
  return got == 0 || errno != EAGAIN;
}

void BareSocket::EndOutput() {
  shutdown(fd_, SHUT_WR);
}

std::string Encode(const Words& words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    request += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return request;
}

std::string InfoField(Client& client, std::string_view section, std::string_view field) {
  const std::string info = "\r\n" + client.Call({"INFO", std::string(section)});
  const std::string start = "\r\n" + std::string(field) + ":";
  const size_t at = info.find(start);
  if (at == std::string::npos) return "";
  const size_t begin = at + start.size();
  return info.substr(begin, info.find("\r\n", begin) - begin);
}

}  // namespace cartwheel
