// One client's socket: bytes to and from its Session, nothing else.
//
// Replies of a turn leave in one write; what the socket does not take at once is handed to libuv
// whole, and later replies wait behind it in the session.
#pragma once

#include <string>

#include <uv.h>

#include "server/session.h"

namespace cartwheel::server {

class UvLoop;

class UvConnection {
 public:
  // Takes over a connection that waits on `listener`. Deletes itself when closed.
  static void Accept(UvLoop& loop, uv_stream_t* listener, bool unix_socket);

  // Sends what the session is owed, obeys its wish to close, starts or stops reading.
  void Flush();
  // Tells the server how far the write under way has come, for the session's limits and its idle
  // time.
  void ReportProgress();
  // The node stops: reads no more, closes once the output is sent.
  void Finish();
  // Drops the session and closes the socket.
  void Close();

 private:
  UvConnection(UvLoop& loop, bool unix_socket);
  ~UvConnection() = default;

  void Start();
  Peer DescribePeer();
  void Write();
  void SetReading(bool wanted);
  static void OnAllocate(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer);
  static void OnRead(uv_stream_t* stream, ssize_t length, const uv_buf_t* buffer);
  static void OnWritten(uv_write_t* request, int status);

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle_); }
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&handle_); }

  UvLoop& loop_;
  const bool unix_socket_;
  uv_any_handle handle_{};
  uv_write_t write_request_{};
  std::string write_buffer_;  // owned by the write under way
  bool writing_ = false;
  bool reading_ = false;
  Session* session_ = nullptr;  // null once closed
};

}  // namespace cartwheel::server
