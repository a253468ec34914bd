// The frames of one connection, from its bytes however they are cut.
//
// Of the bytes it is fed it copies only those of a frame that is not yet whole, each once. It never
// holds more than one frame, and what a peer merely claims to send takes no memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cluster/frame.h"

namespace cartwheel::cluster {

class FrameStream {
 public:
  // The connection's next bytes. They must stay until Next has given kIncomplete or kError, and
  // come only then.
  void Feed(std::string_view bytes);

  // After kComplete, frame() is valid until the next call of either function. kIncomplete: all
  // bytes are taken, feed more. kError is final. `max_frame_bytes`: the head included.
  FrameReader::Status Next(size_t max_frame_bytes);
  const Frame& frame() const { return reader_.frame(); }
  // Of the bytes fed, those behind the frames that were given; the beginning of one may be kept
  // apart from them.
  std::string_view unread() const { return begun_.empty() ? input_.substr(last_) : input_; }
  // The same, given up: only to be fed again, later. After kComplete, whose frame ends with it.
  std::string_view TakeUnread();
  // One line for the log.
  const std::string& error() const { return reader_.error(); }

 private:
  void DropLast();
  // Moves what the begun frame still needs, as far as it is there. False: nothing is.
  bool Extend();

  FrameReader reader_;
  std::string begun_;       // a frame's first bytes, from earlier calls of Feed
  std::string_view input_;  // not yet looked at
  size_t last_ = 0;         // bytes of the frame that was given last; they are still in front
};

}  // namespace cartwheel::cluster
