#include "server/file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/posix_file.h"

namespace cartwheel::server {
namespace {

std::unexpected<std::string> Errno() {
  return std::unexpected(std::string(std::strerror(errno)));
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

mode_t ModeOf(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0644;
}

}  // namespace

std::expected<std::string, std::string> ReadFile(const std::string& path) {
  const storage::UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return Errno();
  std::string text;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = read(file.get(), buffer, sizeof(buffer))) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Errno();
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

std::expected<void, std::string> ReplaceFile(const std::string& path, std::string_view text) {
  std::string temporary = path + ".XXXXXX";
  const storage::UniqueFd file(mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.valid()) return Errno();
  const bool written = WriteAll(file.get(), text) && fchmod(file.get(), ModeOf(path)) == 0 &&
                       fsync(file.get()) == 0 && rename(temporary.c_str(), path.c_str()) == 0;
  if (!written) {
    const auto error = Errno();
    unlink(temporary.c_str());
    return error;
  }
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (auto synced = storage::SyncDirectory(directory); !synced) {
    return std::unexpected(synced.error().message);
  }
  return {};
}

}  // namespace cartwheel::server
