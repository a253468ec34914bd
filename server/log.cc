#include "server/log.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace cartwheel::server {
namespace {

constexpr std::string_view kPattern = "%Y-%m-%d %H:%M:%S.%e %v";

// Indexed by LogLevel.
constexpr std::array<spdlog::level::level_enum, 4> kLevels = {
    spdlog::level::trace, spdlog::level::debug, spdlog::level::info, spdlog::level::warn};
constexpr std::string_view kMarks = ".-*#";

class AppendingFileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit AppendingFileSink(std::string path) : path_(std::move(path)) {}

 protected:
  // A line that cannot be written is lost: a server must outlive a full log disk.
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::FILE* file = std::fopen(path_.c_str(), "ae");
    if (file == nullptr) return;
    std::fwrite(line.data(), 1, line.size(), file);
    std::fclose(file);
  }

  void flush_() override {}

 private:
  const std::string path_;
};

std::unique_ptr<spdlog::logger> MakeLogger(const std::string& path, LogLevel level) {
  spdlog::sink_ptr sink;
  if (path.empty()) {
    sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
  } else {
    sink = std::make_shared<AppendingFileSink>(path);
  }
  auto logger = std::make_unique<spdlog::logger>("cartwheel", std::move(sink));
  logger->set_pattern(std::string(kPattern));
  logger->set_level(kLevels[static_cast<size_t>(level)]);
  logger->flush_on(spdlog::level::trace);
  return logger;
}

std::unique_ptr<spdlog::logger>& Logger() {
  static std::unique_ptr<spdlog::logger> logger = MakeLogger("", LogLevel::kNotice);
  return logger;
}

std::string Printable(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < ' ' || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

void Log(LogLevel level, std::string_view message) {
  const auto spdlog_level = kLevels[static_cast<size_t>(level)];
  if (!Logger()->should_log(spdlog_level)) return;
  const char mark = kMarks[static_cast<size_t>(level)];
  Logger()->log(spdlog_level, fmt::format("{} {}", mark, Printable(message)));
}

}  // namespace

std::expected<void, std::string> OpenLog(const Config& config) {
  if (!config.logfile.empty()) {
    std::FILE* file = std::fopen(config.logfile.c_str(), "ae");
    if (file == nullptr) {
      return std::unexpected(
          fmt::format("can't open log file '{}': {}", config.logfile, std::strerror(errno)));
    }
    std::fclose(file);
  }
  Logger() = MakeLogger(config.logfile, config.loglevel);
  return {};
}

void SetLogLevel(LogLevel level) {
  Logger()->set_level(kLevels[static_cast<size_t>(level)]);
}

void LogDebug(std::string_view message) {
  Log(LogLevel::kDebug, message);
}
void LogVerbose(std::string_view message) {
  Log(LogLevel::kVerbose, message);
}
void LogNotice(std::string_view message) {
  Log(LogLevel::kNotice, message);
}
void LogWarning(std::string_view message) {
  Log(LogLevel::kWarning, message);
}

}  // namespace cartwheel::server
