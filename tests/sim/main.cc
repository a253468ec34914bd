// simulate: runs the simulator over many seeds, or tells one.
//   simulate [--seeds N] [--first S] [--nodes N] [--steps N] [--jobs N] [--memory] [--no-faults]
//            [--moves]
//                                    --moves: members and owners change meanwhile
//   simulate --small-moves ...       one partition that moves again and again (move_world.h)
//   simulate --seed S [--messages] [--key KEY] ...
//                                    --messages: the story has what nodes said about the key, too
//   simulate --until-broken ...      stops at the first seed that breaks something
//   simulate --mutation NAME ...     with a planted fault; of the program built for it alone
//   simulate --list-mutations
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "server/log.h"
#include "storage/mutation.h"
#include "tests/sim/move_world.h"
#include "tests/sim/world.h"

namespace cartwheel::sim {
namespace {

struct Plan {
  WorldOptions world;
  uint64_t first = 1;
  uint64_t seeds = 100;
  uint64_t jobs = 1;
  bool one = false;
  bool until_broken = false;
  bool small = false;  // move_world.h
  bool list = false;
};

// A CHECK that fails ends the process: at least the seed is told.
volatile uint64_t running_seed = 0;
void TellSeed(int /*signal*/) {
  char text[80];
  const int length =
      std::snprintf(text, sizeof(text), "BROKEN, seed %llu: a CHECK of the server failed\n",
                    static_cast<unsigned long long>(running_seed));
  if (write(STDOUT_FILENO, text, static_cast<size_t>(length)) < 0) _exit(1);
}

void Print(const WorldOptions& options, const WorldResult& result) {
  std::cout << "seed " << options.seed << ": trace " << std::hex << result.trace << std::dec << ", "
            << result.operations << " operations (" << result.acknowledged << " acknowledged, "
            << result.uncertain << " uncertain, " << result.failed << " failed), " << result.faults
            << " faults, " << result.virtual_us / 1'000'000 << " s\n";
  for (const Violation& violation : result.violations) {
    std::cout << "BROKEN, seed " << options.seed << ", nodes " << options.nodes << ": "
              << violation.rule << ", key " << violation.key << ": " << violation.text << '\n';
  }
  if (!result.story.empty()) {
    std::cout << "how it came about (again: --seed " << options.seed << " --nodes " << options.nodes
              << " --steps " << options.operations << "):\n"
              << result.story;
  }
  std::cout.flush();
}

// Every jobs-th seed from `from` on. The number of those that broke something.
int RunSeeds(const Plan& plan, uint64_t from) {
  int broken = 0;
  WorldResult sum;
  uint64_t runs = 0;
  for (uint64_t seed = from; seed < plan.first + plan.seeds; seed += plan.jobs) {
    WorldOptions options = plan.world;
    options.seed = seed;
    running_seed = seed;
    const WorldResult result = plan.small ? RunMoveWorld(options) : RunWorld(options);
    ++runs;
    sum.operations += result.operations;
    sum.acknowledged += result.acknowledged;
    sum.uncertain += result.uncertain;
    sum.failed += result.failed;
    sum.faults += result.faults;
    sum.virtual_us += result.virtual_us;
    if (plan.one || !result.violations.empty()) Print(options, result);
    if (!result.violations.empty()) ++broken;
    if (broken > 0 && plan.until_broken) break;
  }
  if (plan.one) return broken;
  std::cout << runs << " seeds, " << broken << " broke something; " << sum.operations
            << " operations (" << sum.acknowledged << " acknowledged, " << sum.uncertain
            << " uncertain, " << sum.failed << " failed), " << sum.faults << " faults, "
            << sum.virtual_us / 3'600'000'000 << " hours of virtual time\n";
  std::cout.flush();
  return broken;
}

// A process each: a run is one thread's.
int RunJobs(const Plan& plan) {
  std::vector<pid_t> children;
  for (uint64_t job = 0; job < plan.jobs; ++job) {
    const pid_t child = fork();
    if (child == 0) _exit(RunSeeds(plan, plan.first + job) == 0 ? 0 : 1);
    children.push_back(child);
  }
  int failed = 0;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++failed;
  }
  return failed;
}

// False: there is no such fault, or none at all in this program.
bool Plant(std::string_view name) {
#ifdef CARTWHEEL_MUTATIONS
  for (size_t i = 0; i < kMutationNames.size(); ++i) {
    if (kMutationNames[i] != name) continue;
    planted_mutation = static_cast<Mutation>(i);
    return true;
  }
#endif
  return name == kMutationNames.front();
}

bool Parse(const std::vector<std::string>& words, Plan& plan) {
  const std::map<std::string, uint64_t*> numbers = {{"--seeds", &plan.seeds},
                                                    {"--first", &plan.first},
                                                    {"--seed", &plan.first},
                                                    {"--nodes", &plan.world.nodes},
                                                    {"--steps", &plan.world.operations},
                                                    {"--jobs", &plan.jobs}};
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--memory") {
      plan.world.in_memory = true;
    } else if (words[i] == "--no-faults") {
      plan.world.faults = false;
    } else if (words[i] == "--moves") {
      plan.world.moves = true;
    } else if (words[i] == "--small-moves") {
      plan.small = true;
    } else if (words[i] == "--until-broken") {
      plan.until_broken = true;
    } else if (words[i] == "--messages") {
      plan.world.tells_messages = true;
    } else if (words[i] == "--key") {
      if (++i == words.size()) return false;
      plan.world.key = words[i];
    } else if (words[i] == "--list-mutations") {
      plan.list = true;
    } else if (words[i] == "--mutation") {
      if (++i == words.size() || !Plant(words[i])) return false;
    } else {
      const auto number = numbers.find(words[i]);
      if (number == numbers.end() || ++i == words.size()) return false;
      const auto [end, error] =
          std::from_chars(words[i].data(), words[i].data() + words[i].size(), *number->second);
      if (error != std::errc() || end != words[i].data() + words[i].size()) return false;
      if (number->first == "--seed") plan.one = true;
    }
  }
  if (plan.one) plan.seeds = plan.jobs = 1;
  return plan.world.nodes > 0 && plan.jobs > 0;
}

int Main(const std::vector<std::string>& words) {
  Plan plan;
  if (!Parse(words, plan)) {
    std::cerr << "usage: simulate [--seeds N] [--first S] [--nodes N] [--steps N] [--jobs N] "
                 "[--memory] [--no-faults] [--moves | --small-moves] [--until-broken] | --seed S "
                 "[--messages] "
                 "[--key KEY] "
                 "... | --list-mutations\n";
    return 2;
  }
  if (plan.list) {
    for (size_t i = 1; i < kMutationNames.size(); ++i) std::cout << kMutationNames[i] << '\n';
    return 0;
  }
  server::Config quiet;
  quiet.logfile = "/dev/null";
  std::signal(SIGABRT, TellSeed);
  quiet.loglevel = server::LogLevel::kWarning;
  if (const auto opened = server::OpenLog(quiet); !opened) std::cerr << opened.error() << '\n';
  const int broken = plan.jobs == 1 ? RunSeeds(plan, plan.first) : RunJobs(plan);
  return broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace cartwheel::sim

int main(int argc, char** argv) {
  return cartwheel::sim::Main(std::vector<std::string>(argv + 1, argv + argc));
}
