// One TCP connection to or from another node: bytes in, bytes out, nothing of their meaning.
//
// What a turn has for the peer leaves in one write; what the socket does not take at once waits
// here, and later bytes behind it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <uv.h>

namespace cartwheel::server {

class UvLoop;

class UvPeerSocket {
 public:
  // Who is told what happens. After OnEnd the socket is closed and must not be used.
  class Owner {
   public:
    virtual void OnConnected() {}
    virtual void OnBytes(std::string_view bytes) = 0;
    // Some of what waited has been taken.
    virtual void OnSent() {}
    // `reason`: a part of one line for the log.
    virtual void OnEnd(const std::string& reason) = 0;

   protected:
    ~Owner() = default;
  };

  // Dials; OnConnected or OnEnd follow, both after this has returned.
  static UvPeerSocket* Dial(UvLoop& loop, Owner& owner, const sockaddr& address);
  // Takes over a connection that waits on `listener`, without an owner yet; nullptr: it is gone.
  static UvPeerSocket* Accept(UvLoop& loop, uv_stream_t* listener);
  void set_owner(Owner& owner) { owner_ = &owner; }

  void SetReading(bool wanted);
  // Owner::OnEnd is not called from here but from the loop, should it fail.
  void Send(std::string bytes);
  // Bytes that the system has not taken.
  size_t unsent_bytes();
  // The other end's address, without its port.
  std::string RemoteAddress();

  // The owner hears nothing more.
  void Close();
  // The same, after what waits has been sent, or could not be.
  void CloseOnceSent();

 private:
  explicit UvPeerSocket(UvLoop& loop);
  ~UvPeerSocket() = default;

  void Configure();
  void Write();
  void End(int code);
  static void OnRead(uv_stream_t* stream, ssize_t length, const uv_buf_t* buffer);
  static void OnWritten(uv_write_t* request, int status);

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&tcp_); }

  UvLoop& loop_;
  Owner* owner_ = nullptr;
  uv_tcp_t tcp_{};
  uv_connect_t connect_request_{};
  uv_write_t write_request_{};
  std::string written_;  // owned by the write under way
  std::string waiting_;  // behind it
  bool writing_ = false;
  bool reading_ = false;
  bool close_once_sent_ = false;
};

}  // namespace cartwheel::server
