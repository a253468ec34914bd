#include "tests/process/server_process.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/cluster/random.h"

namespace cartwheel {
namespace {

constexpr std::chrono::milliseconds kPollPeriod{2};

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// In the child, between fork and exec: only system calls.
void BecomeServer(char* const* argv, const char* directory, const char* output, const char* errors,
                  std::optional<uid_t> user) {
  const int out = open(output, O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int err = open(errors, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (out < 0 || err < 0 || chdir(directory) != 0) _exit(126);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (user && setuid(*user) != 0) _exit(126);
  // After setuid, which clears it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execv(argv[0], argv);
  _exit(127);
}

// False: a test holds it. The claim lasts as long as this process.
bool ClaimPort(int port) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  // An abstract name begins with a zero byte.
  const std::string text = "cartwheel-test-port-" + std::to_string(port);
  std::copy(text.begin(), text.end(), name.sun_path + 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&name), length) == 0) return true;
  close(fd);
  return false;
}

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

}  // namespace

bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kPollPeriod);
  }
  return true;
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteWhole(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  ASSERT_TRUE(file.flush()) << path;
}

TemporaryDirectory::TemporaryDirectory()
    : path_(std::filesystem::path(testing::TempDir()) / "cartwheel-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "no temporary directory at " << path_;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ServerRun::ServerRun(const std::vector<std::string>& args, const std::string& directory,
                     std::optional<uid_t> user)
    : output_path_(directory + "/stdout"), errors_path_(directory + "/stderr") {
  std::string binary = CARTWHEEL_SERVER;
  std::vector<std::string> words = args;
  std::vector<char*> argv = {binary.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  unlink(output_path_.c_str());
  unlink(errors_path_.c_str());
  pid_ = fork();
  if (pid_ == 0) {
    BecomeServer(argv.data(), directory.c_str(), output_path_.c_str(), errors_path_.c_str(), user);
  }
}

ServerRun::~ServerRun() {
  if (!running()) return;
  Signal(SIGTERM);
  if (Wait(std::chrono::seconds(5))) return;
  Signal(SIGKILL);
  Wait();
}

bool ServerRun::running() {
  return !Wait(std::chrono::milliseconds(0));
}

void ServerRun::Signal(int number) const {
  if (!exit_) kill(pid_, number);
}

std::optional<int> ServerRun::Wait(std::chrono::milliseconds patience) {
  Eventually(
      [this] {
        int status = 0;
        if (!exit_ && waitpid(pid_, &status, WNOHANG) == pid_) {
          exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        }
        return exit_.has_value();
      },
      patience);
  return exit_;
}

size_t ServerRun::resident_bytes() const {
  const std::string statm = ReadWhole("/proc/" + std::to_string(pid_) + "/statm");
  size_t pages = 0;
  const char* second = statm.data() + std::min(statm.find(' ') + 1, statm.size());
  std::from_chars(second, statm.data() + statm.size(), pages);
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

ServerProcess::ServerProcess(std::vector<std::string> options, std::string data)
    : options_(std::move(options)), data_(data.empty() ? directory_ / "data" : std::move(data)) {
  // A test that writes to a connection the server has closed gets an error, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  // Another process may take the free port before the server does.
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = FreePort();
    if (StartOnce()) return;
    if (run_->errors().find("cannot listen") == std::string::npos) break;
  }
  ADD_FAILURE() << "the server did not start: " << run_->errors() << run_->output();
}

void ServerProcess::Start() {
  if (!StartOnce()) {
    ADD_FAILURE() << "the server did not start: " << run_->errors() << run_->output();
  }
}

bool ServerProcess::StartOnce() {
  std::vector<std::string> args = options_;
  // Behind a configuration file, which comes first.
  const size_t at = !args.empty() && !args[0].starts_with("--") ? 1 : 0;
  const std::vector<std::string> own = {"--port", std::to_string(port_), "--dir", data_};
  args.insert(args.begin() + static_cast<std::ptrdiff_t>(at), own.begin(), own.end());
  run_.emplace(args, directory_.path());
  // Logged once it listens. To connect would not tell our server from another on the same port.
  const bool up = Eventually(
      [this] { return log().find("* ready: ") != std::string::npos || !run_->running(); });
  return up && run_->running();
}

void ServerProcess::Kill() {
  run_->Signal(SIGKILL);
  EXPECT_EQ(run_->Wait(), -SIGKILL);
}

std::optional<int> ServerProcess::Stop(int signal_number) {
  run_->Signal(signal_number);
  return run_->Wait();
}

FailedStart RunToEnd(const std::vector<std::string>& args, std::optional<uid_t> user) {
  const TemporaryDirectory directory;
  if (user) std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
  ServerRun run(args, directory.path(), user);
  const std::optional<int> exit_code = run.Wait();
  return {exit_code, run.output(), run.errors()};
}

int FreePort() {
  // Two tests, or two calls of one, must not take the same port before its server listens: an
  // abstract socket of this name stands for the port until this process ends, and leaves no file.
  static cluster::Random random(static_cast<uint64_t>(getpid()));
  for (int attempt = 0; attempt < 1000; ++attempt) {
    // Below the range from which the kernel takes ports for connections, by default 32768 and up.
    const int port = static_cast<int>(10240 + random.Below(32768 - 10240));
    if (ClaimPort(port) && IsFree(port)) return port;
  }
  ADD_FAILURE() << "no free port";
  return 0;
}

}  // namespace cartwheel
