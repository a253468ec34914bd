#include "tests/process/steady_load.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace cartwheel {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kClosed = "(closed)";
const std::string kFiller(100, 'v');

// Of a value: the number of its write. -1: it is none.
int64_t NumberOf(const std::string& value) {
  int64_t number = -1;
  if (value.ends_with(":" + kFiller)) {
    std::from_chars(value.data(), value.data() + value.size(), number);
  }
  return number;
}

}  // namespace

int64_t SteadyLoad::Percentile(const Times& times, double part) {
  if (times.empty()) return 0;
  const auto at = static_cast<size_t>(static_cast<double>(times.size()) * part);
  return times[std::min(at, times.size() - 1)];
}

std::string SteadyLoad::Show(const Times& times) {
  if (times.empty()) return "none";
  return std::to_string(times.size()) + " operations, p50 " +
         std::to_string(Percentile(times, 0.5)) + " us, p99 " +
         std::to_string(Percentile(times, 0.99)) + " us, longest " + std::to_string(times.back()) +
         " us";
}

void SteadyLoad::With(int node) {
  ports_[static_cast<size_t>(node)] = nodes_.at(node).port();
}

void SteadyLoad::Without(int node) {
  ports_[static_cast<size_t>(node)] = 0;
}

void SteadyLoad::Begin() {
  keys_.resize(static_cast<size_t>(options_.keys));
  Worker first;
  for (int key = 0; key < options_.keys; ++key) Write(first, key);
  for (int i = 0; i < options_.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    Worker& worker = *workers_.back();
    worker.next_node = i;
    worker.thread = std::thread([this, &worker, i] { Run(worker, i); });
  }
}

void SteadyLoad::End() {
  stop_ = true;
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

int SteadyLoad::LostAt(int node) {
  Client client = nodes_.Connect(node);
  int lost = 0;
  for (int key = 0; key < options_.keys; ++key) {
    const std::string reply = client.Call({"GET", Name(key)});
    if (IsFine(key, reply)) continue;
    if (lost++ == 0) ADD_FAILURE() << Name(key) << " at node " << node << ": " << reply;
  }
  return lost;
}

SteadyLoad::Times SteadyLoad::TimesOf(int phase) const {
  Times all;
  for (const auto& worker : workers_) {
    const Times& its = worker->times[static_cast<size_t>(phase)];
    all.insert(all.end(), its.begin(), its.end());
  }
  std::ranges::sort(all);
  return all;
}

// A write of one of its keys and a read of another one in turn.
void SteadyLoad::Run(Worker& worker, int number) {
  for (int64_t i = 0; !stop_; ++i) {
    constexpr int64_t kStride = 7;
    const int mine = (options_.keys - number + options_.threads - 1) / options_.threads;
    Write(worker, number + static_cast<int>(i % mine) * options_.threads);
    Read(worker, number + static_cast<int>(i * kStride % mine) * options_.threads);
    std::this_thread::sleep_for(std::chrono::microseconds(options_.pause_us));
  }
}

void SteadyLoad::Write(Worker& worker, int key) {
  Key& its = keys_[static_cast<size_t>(key)];
  const int64_t number = ++its.tried;
  const std::string reply =
      Call(worker, {"SET", Name(key), std::to_string(number) + ":" + kFiller});
  if (reply == "OK") {
    its.acknowledged = number;
  } else {
    Note(errors_, "SET " + Name(key) + ": " + reply);
  }
}

void SteadyLoad::Read(Worker& worker, int key) {
  const std::string reply = Call(worker, {"GET", Name(key)});
  if (IsFine(key, reply)) return;
  const bool is_error = reply.starts_with("-") || reply == kClosed;
  const Key& its = keys_[static_cast<size_t>(key)];
  Note(is_error ? errors_ : losses_,
       "GET " + Name(key) + " at node " + std::to_string(worker.next_node) + " in phase " +
           std::to_string(phase_) + ": " + reply.substr(0, 100) + " instead of " +
           std::to_string(its.acknowledged) + " or later, up to " + std::to_string(its.tried));
}

// Anew elsewhere when the connection ends: it may have been done, so it has to be absolute.
std::string SteadyLoad::Call(Worker& worker, const Words& command) {
  const auto began = steady_clock::now();
  std::string reply(kClosed);
  bool ends = true;
  for (int attempt = 0; attempt < 4 * kMostNodes && ends; ++attempt) {
    Client* const client = NextClient(worker);
    if (client == nullptr) continue;
    reply = client->Call(command);
    ends = IsOfNodeThatEnds(worker.next_node, reply);
    if (ends) ++broken_;
    if (reply.starts_with("-")) reply += " (node " + std::to_string(worker.next_node) + ")";
  }
  const auto took = steady_clock::now() - began;
  worker.times[static_cast<size_t>(phase_)].push_back(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  return reply;
}

Client* SteadyLoad::NextClient(Worker& worker) {
  for (int i = 0; i < kMostNodes; ++i) {
    worker.next_node = (worker.next_node + 1) % kMostNodes;
    const int port = ports_[static_cast<size_t>(worker.next_node)];
    auto& client = worker.clients[static_cast<size_t>(worker.next_node)];
    if (port == 0) continue;
    if (client == nullptr || !client->connected()) client = std::make_unique<Client>(port);
    if (client->connected()) return client.get();
  }
  return nullptr;
}

bool SteadyLoad::IsOfNodeThatEnds(int node, const std::string& reply) const {
  if (reply == kClosed || reply.contains("was taken out of its cluster")) return true;
  return leaves_[static_cast<size_t>(node)] && reply.starts_with("-UNCERTAIN");
}

bool SteadyLoad::IsFine(int key, const std::string& reply) const {
  const Key& its = keys_[static_cast<size_t>(key)];
  const int64_t number = NumberOf(reply);
  return number >= std::max<int64_t>(its.acknowledged, 0) && number <= its.tried;
}

void SteadyLoad::Note(std::vector<std::string>& list, std::string text) {
  const std::scoped_lock lock(mutex_);
  list.push_back(std::move(text));
}

}  // namespace cartwheel
