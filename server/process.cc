#include "server/process.h"

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

#include "server/log.h"

// mimalloc's, which the server is linked with; tests and sanitizers have other allocators.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" [[gnu::weak]] void mi_collect(bool force) noexcept;

namespace cartwheel::server {
namespace {

// Files the process needs besides clients and links: listeners, log, store, event loop, connections
// whose other end has not said who it is.
constexpr rlim_t kReservedFiles = 128;
constexpr rlim_t kFilesPerMember = 2;

template <size_t N>
std::array<unsigned char, N> RandomBytes() {
  std::array<unsigned char, N> bytes{};
  size_t filled = 0;
  while (filled < N) {
    const ssize_t got = getrandom(bytes.data() + filled, N - filled, 0);
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace

std::string NewRunId() {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string id;
  for (unsigned char byte : RandomBytes<20>()) {
    id += kHex[byte >> 4];
    id += kHex[byte & 15];
  }
  return id;
}

std::array<uint8_t, cluster::kIdentityRandomBytes> NewIdentityBytes() {
  return RandomBytes<cluster::kIdentityRandomBytes>();
}

cluster::Challenge NewChallenge() {
  return RandomBytes<std::tuple_size_v<cluster::Challenge>>();
}

uint64_t NewSeed() {
  uint64_t seed = 0;
  for (unsigned char byte : RandomBytes<8>()) seed = seed << 8 | byte;
  return seed;
}

std::string BootId() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id.empty() ? NewRunId() : id;
}

void IgnoreHarmlessSignals() {
  for (int number : {SIGPIPE, SIGHUP, SIGXFSZ}) signal(number, SIG_IGN);
}

int RaiseFileLimit(int maxclients, size_t members) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return maxclients;
  const rlim_t reserved = kReservedFiles + kFilesPerMember * members;
  const rlim_t wanted = static_cast<rlim_t>(maxclients) + reserved;
  if (limit.rlim_cur >= wanted) return maxclients;
  rlimit raised{.rlim_cur = wanted, .rlim_max = std::max(limit.rlim_max, wanted)};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return maxclients;
  raised = {.rlim_cur = std::min(wanted, limit.rlim_max), .rlim_max = limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  const rlim_t fit = limit.rlim_cur > reserved ? limit.rlim_cur - reserved : 1;
  return static_cast<int>(std::min<rlim_t>(fit, static_cast<rlim_t>(maxclients)));
}

PidFile::PidFile(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  FILE* file = std::fopen(path_.c_str(), "we");
  if (file == nullptr) {
    LogWarning("cannot write pidfile " + path_);
    path_.clear();
    return;
  }
  std::fprintf(file, "%d\n", static_cast<int>(getpid()));
  std::fclose(file);
}

PidFile::~PidFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

std::string ExecutablePath() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  return length > 0 ? std::string(path.data(), static_cast<size_t>(length)) : "";
}

void ReturnFreedMemory() {
  if (mi_collect != nullptr) mi_collect(false);
}

}  // namespace cartwheel::server
