// message_seeds DIR: one seed of fuzz_message for each sample message, as a connection brings it
// and, where its payload is short enough, as what the harness frames itself. They are made anew for
// every run: stored ones went stale without a word when the format changed, and nothing decoded any
// more.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "cluster/frame.h"
#include "tests/cluster/sample_messages.h"

namespace {

using namespace cartwheel::cluster;

bool Write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream out(file, std::ios::binary);
  out << bytes;
  return out.flush().good();
}

// See Framed in fuzz_message.cc.
std::string ForTheHarnessToFrame(const std::string& frame) {
  const Frame parts = PeekFrame(frame).value();
  std::string input = "\1";
  input += static_cast<char>(parts.type);
  input += static_cast<char>(parts.payload.size());
  input += parts.payload;
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: message_seeds DIR\n");
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  int number = 0;
  bool written = true;
  for (const Message& message : SampleMessages()) {
    const std::string frame = Encoded(message);
    const std::string name = "sample_" + std::to_string(number++);
    written &= Write(directory / (name + "_bytes"), std::string(1, '\0') + frame);
    if (frame.size() - kFrameHead <= UINT8_MAX) {
      written &= Write(directory / name, ForTheHarnessToFrame(frame));
    }
  }
  if (!written) std::fprintf(stderr, "message_seeds: cannot write to %s\n", argv[1]);
  return written ? 0 : 1;
}
