// The table of options as people read it.

#include <iterator>

#include <fmt/format.h>

#include "server/config.h"
#include "server/config_table.h"

namespace cartwheel::server {
namespace {

constexpr std::pair<ConfigSection, std::string_view> kSections[] = {
    {ConfigSection::kNetwork, "Network"},
    {ConfigSection::kStorage, "Storage"},
    {ConfigSection::kCluster, "Cluster and versions"},
    {ConfigSection::kLogging, "Logging and observation"},
    {ConfigSection::kCompatibility, "One value only, for compatibility"},
};

constexpr std::string_view kIntroduction = R"(# Configuration

The syntax is that of redis.conf: one option a line, its name, then its value. `#` starts a comment
line. Values with blanks stand in quotes: `"..."` with `\n \r \t \a \b \xHH \\ \"`, or `'...'`.

```
cartwheel-server [FILE] [--option value ...] [-]
```

The file is read first, then standard input if there is a `-`, then the options of the command
line; later settings override earlier ones, except that `save` lines add up. Without any
configuration the server is a single durable node on 127.0.0.1:6379. `--check-config` reads
everything, says what is wrong and exits.

An unknown or ill-formed option keeps the server from starting; the message names file, line and
option. Sizes are bytes and take `k`, `m`, `g` (powers of 1000) and `kb`, `mb`, `gb` (powers of
1024) in either case. `CONFIG GET` shows every option below, `CONFIG SET` changes those marked
"any time", and `CONFIG REWRITE` writes the changes into the file and keeps its comments.
)";

constexpr std::string_view kUsage = R"(Usage: cartwheel-server [FILE] [--option value ...] [-]
       cartwheel-server --check-config [FILE] [--option value ...]
       cartwheel-server [FILE] --check-data [DIR]
       cartwheel-server -h | --help
       cartwheel-server -v | --version

FILE has the syntax of redis.conf; - reads the same from standard input. Options of the command
line override both. Without any the server listens on 127.0.0.1:6379 and keeps its data in ./data.
--check-data reads a data directory that no server uses and says what is damaged in it; the exit
status is 0 (sound), 1 (damaged) or 2 (could not be checked).

  cartwheel-server /etc/cartwheel.conf --port 7000
  cartwheel-server --save "" --maxmemory 1gb      a cache: nothing is kept on disk
  cartwheel-server --bind 127.0.0.1 10.0.0.5 --requirepass secret
)";

std::string DefaultText(const Option& option) {
  const std::string value = FormatField(option.field, Config{});
  return value.empty() ? "`\"\"`" : fmt::format("`{}`", value);
}

void AppendSection(ConfigSection section, std::string_view title, std::string& out) {
  auto sink = std::back_inserter(out);
  fmt::format_to(sink, "\n## {}\n\n| Option | Default | Values | Changes | Meaning |\n", title);
  out += "|---|---|---|---|---|\n";
  for (const Option& option : Options()) {
    if (option.section != section) continue;
    fmt::format_to(sink, "| `{}` | {} | {} | {} | {} |\n", option.name, DefaultText(option),
                   DescribeField(option.field),
                   option.change == Change::kAnyTime ? "any time" : "at start", option.help);
  }
}

void AppendRefused(std::string& out) {
  out += "\n## Refused\n\nThese options of Redis would be silently broken, so the server does not ";
  out += "start with them.\n\n| Option | Accepted value | Why |\n|---|---|---|\n";
  for (const RefusedOption& option : RefusedOptions()) {
    const bool quoted = option.harmless && option.harmless->empty();
    const std::string_view harmless = option.harmless.value_or("");
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} |\n", option.name,
                   quoted ? "\"\"" : harmless, option.reason);
  }
}

void AppendIgnored(std::string& out) {
  out +=
      "\n## Accepted without effect\n\nThese options of Redis mean nothing here. They may stand ";
  out += "in a file, and the log names them at start.\n\n";
  std::string_view separator;
  for (const std::string_view name : IgnoredOptions()) {
    fmt::format_to(std::back_inserter(out), "{}`{}`", std::exchange(separator, ",\n"), name);
  }
  out += '\n';
}

}  // namespace

std::string ConfigMarkdown() {
  std::string out(kIntroduction);
  for (const auto& [section, title] : kSections) AppendSection(section, title, out);
  AppendRefused(out);
  AppendIgnored(out);
  return out;
}

std::string HelpText() {
  std::string out(kUsage);
  out += "\nOptions, their defaults and meanings:\n";
  for (const Option& option : Options()) {
    if (option.section == ConfigSection::kCompatibility) continue;
    const std::string value = FormatField(option.field, Config{});
    fmt::format_to(std::back_inserter(out), "  --{} {}\n      {}\n", option.name,
                   value.empty() ? "\"\"" : value, option.help);
  }
  return out;
}

}  // namespace cartwheel::server
