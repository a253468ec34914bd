// The real binary in its own process, on a free loopback port with its own data directory.
//
// Nothing outlives a test: the destructor stops the process by its pid, and the kernel kills it
// should the test itself die.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace cartwheel {

// Long enough for a machine with more work than cores; nothing waits this long when all is well.
inline constexpr std::chrono::seconds kPatience{20};

// Asks every few milliseconds until `condition` holds. False: it did not within `patience`.
bool Eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds patience = kPatience);

std::string ReadWhole(const std::string& path);
void WriteWhole(const std::string& path, std::string_view text);

// A directory under the system's temporary one, removed with its contents.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// One run of the server's binary.
class ServerRun {
 public:
  // Standard output and error go to files in `directory`, which is also where it runs. `user`: runs
  // as that user id instead of ours.
  ServerRun(const std::vector<std::string>& args, const std::string& directory,
            std::optional<uid_t> user = std::nullopt);
  ~ServerRun();
  ServerRun(const ServerRun&) = delete;
  ServerRun& operator=(const ServerRun&) = delete;

  pid_t pid() const { return pid_; }
  std::string output() const { return ReadWhole(output_path_); }
  std::string errors() const { return ReadWhole(errors_path_); }
  bool running();
  void Signal(int number) const;
  // The exit code, or minus the signal that ended it; nothing when it still runs after `patience`.
  std::optional<int> Wait(std::chrono::milliseconds patience = kPatience);
  // Resident memory in bytes.
  size_t resident_bytes() const;

 private:
  const std::string output_path_;
  const std::string errors_path_;
  pid_t pid_ = -1;
  std::optional<int> exit_;
};

// A server that accepts clients, and can be stopped and started again on the same data and port.
class ServerProcess {
 public:
  // Starts it; `options` follow --port and --dir on the command line. `data`: instead of a
  // directory of its own.
  explicit ServerProcess(std::vector<std::string> options = {}, std::string data = "");

  // Fails the test when it does not come up.
  void Start();
  // kill -9.
  void Kill();
  // Signals and waits: the exit code.
  std::optional<int> Stop(int signal_number);

  int port() const { return port_; }
  const std::string& data() const { return data_; }
  std::string scratch(std::string_view name) const { return directory_ / name; }
  ServerRun& run() { return *run_; }
  std::string log() const { return run_->output(); }
  void set_options(std::vector<std::string> options) { options_ = std::move(options); }

 private:
  bool StartOnce();

  TemporaryDirectory directory_;
  std::vector<std::string> options_;
  std::string data_;
  int port_ = 0;
  std::optional<ServerRun> run_;
};

// What a start that must fail left behind.
struct FailedStart {
  std::optional<int> exit_code;
  std::string output;
  std::string errors;
};
FailedStart RunToEnd(const std::vector<std::string>& args,
                     std::optional<uid_t> user = std::nullopt);

// A loopback port on which nothing listens, never the same twice while this process lives, nor one
// that another test holds. 0 and a failure if there is none.
int FreePort();

}  // namespace cartwheel
