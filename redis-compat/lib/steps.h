// Reports steps to redis-compat/run, which describes the lines.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

namespace compat {

inline std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

inline void Report(const char* verdict, const std::string& step, const std::string& why = "") {
  const std::string client = Environment("COMPAT_CLIENT");
  std::printf("%s %s %s%s%s\n", verdict, client.c_str(), step.c_str(), why.empty() ? "" : ": ",
              why.c_str());
  std::fflush(stdout);
}

// Runs one step; an exception is its failure.
inline void Step(const std::string& name, const std::function<void()>& body) {
  try {
    body();
    Report("ok", name);
  } catch (const std::exception& error) {
    Report("FAIL", name, error.what());
  }
}

inline void Skip(const std::string& name, const std::string& why) {
  Report("skip", name, why);
}

inline void Equal(const std::string& got, const std::string& expected) {
  if (got == expected) return;
  throw std::runtime_error("got '" + got.substr(0, 120) + "', expected '" +
                           expected.substr(0, 120) + "'");
}

inline void True(bool condition, const std::string& claim) {
  if (!condition) throw std::runtime_error("not true: " + claim);
}

inline void Done() {
  std::printf("done %s\n", Environment("COMPAT_CLIENT").c_str());
}

}  // namespace compat
