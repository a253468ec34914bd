#include "storage/simulated_disk.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

namespace cartwheel::storage {
namespace {

constexpr size_t kSectorBytes = 512;
constexpr size_t kCalls = 7;

// splitmix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
class Coin {
 public:
  explicit Coin(uint64_t seed) : state_(seed) {}
  bool Toss() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return ((z ^ (z >> 31)) & 1) != 0;
  }

 private:
  uint64_t state_;
};

std::string_view Sector(std::string_view bytes, size_t at) {
  return at < bytes.size() ? bytes.substr(at, kSectorBytes) : std::string_view();
}

// What a power loss leaves of a file.
std::string Survivor(const std::string& synced, const std::string& written, Coin& coin) {
  std::string left;
  const bool keeps_cut = written.size() < synced.size() && coin.Toss();
  const size_t size = keeps_cut ? written.size() : std::max(synced.size(), written.size());
  size_t end = std::min(synced.size(), size);
  for (size_t at = 0; at < size; at += kSectorBytes) {
    const std::string_view before = Sector(synced, at);
    const std::string_view after = Sector(written, at);
    const bool keeps_new = before != after && coin.Toss();
    std::string sector(keeps_new ? after : before);
    if (keeps_new) end = std::max(end, std::min(size, at + after.size()));
    sector.resize(kSectorBytes, '\0');
    left += sector;
  }
  left.resize(end);
  return left;
}

}  // namespace

struct SimulatedDisk::Inode {
  std::string written;
  std::string synced;
  // Where they may differ, but for their sizes: a sync of a large file need not copy all of it.
  size_t changed_begin = std::string::npos;
  size_t changed_end = 0;

  void NoteChange(size_t begin, size_t end) {
    changed_begin = std::min(changed_begin, begin);
    changed_end = std::max(changed_end, end);
  }
  void Sync() {
    const size_t common = std::min(written.size(), synced.size());
    NoteChange(common, written.size());
    synced.resize(written.size());
    const size_t end = std::min(changed_end, written.size());
    if (changed_begin < end) {
      synced.replace(changed_begin, end - changed_begin, written, changed_begin,
                     end - changed_begin);
    }
    changed_begin = std::string::npos;
    changed_end = 0;
  }
};

struct SimulatedDisk::State {
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  std::mutex mutex;
  Names names;
  Names synced_names;
  std::array<std::optional<Fault>, kCalls> faults;
  std::array<uint64_t, kCalls> calls{};
  uint64_t capacity = std::numeric_limits<uint64_t>::max();
  uint64_t life = 0;  // files opened in an earlier one are dead

  uint64_t Used() const {
    uint64_t used = 0;
    for (const auto& [name, inode] : names) used += inode->written.size();
    return used;
  }

  // Counts a call; the fault that strikes it, if any.
  std::optional<Fault> Strike(Call call) {
    ++calls[std::to_underlying(call)];
    auto& fault = faults[std::to_underlying(call)];
    if (!fault) return std::nullopt;
    if (fault->after > 0) {
      --fault->after;
      return std::nullopt;
    }
    const Fault striking = *fault;
    if (--fault->count == 0) fault.reset();
    return striking;
  }
};

class SimulatedDisk::SimulatedFile : public File {
 public:
  SimulatedFile(std::shared_ptr<State> state, std::shared_ptr<Inode> inode, std::string name)
      : state_(std::move(state)),
        inode_(std::move(inode)),
        name_(std::move(name)),
        life_(state_->life) {}

  Result<void> Write(uint64_t offset, std::span<const std::string_view> pieces) override {
    const std::scoped_lock lock(state_->mutex);
    if (life_ != state_->life) return Dead();
    std::string bytes;
    for (const std::string_view piece : pieces) bytes += piece;
    const auto fault = state_->Strike(Call::kWrite);
    uint64_t count = fault ? std::min<uint64_t>(fault->written, bytes.size()) : bytes.size();
    const uint64_t grown = std::max<uint64_t>(offset + count, inode_->written.size());
    const uint64_t room = state_->capacity - std::min(state_->capacity, state_->Used());
    const uint64_t growth = grown - inode_->written.size();
    const bool full = growth > room;
    if (full) count -= std::min(count, growth - room);
    if (count > 0) {
      std::string& written = inode_->written;
      if (written.size() < offset + count) written.resize(offset + count);
      written.replace(offset, count, bytes, 0, count);
      inode_->NoteChange(offset, offset + count);
    }
    if (fault) return Fail(fault->kind, "write");
    return full ? Fail(Error::Kind::kNoSpace, "write") : Result<void>();
  }

  Result<void> Sync() override {
    const std::scoped_lock lock(state_->mutex);
    if (life_ != state_->life) return Dead();
    if (const auto fault = state_->Strike(Call::kSync)) return Fail(fault->kind, "sync");
    inode_->Sync();
    return {};
  }

  Result<size_t> Read(uint64_t offset, std::span<char> to) const override {
    const std::scoped_lock lock(state_->mutex);
    if (life_ != state_->life) return std::unexpected(Dead().error());
    if (const auto fault = state_->Strike(Call::kRead)) {
      return std::unexpected(Fail(fault->kind, "read").error());
    }
    const std::string& bytes = inode_->written;
    if (offset >= bytes.size()) return 0;
    return bytes.copy(to.data(), to.size(), offset);
  }

  Result<uint64_t> Size() const override {
    const std::scoped_lock lock(state_->mutex);
    return inode_->written.size();
  }

  Result<void> Truncate(uint64_t size) override {
    const std::scoped_lock lock(state_->mutex);
    if (life_ != state_->life) return Dead();
    if (const auto fault = state_->Strike(Call::kTruncate)) return Fail(fault->kind, "truncate");
    // What is cut off and written again has changed, even if only its size is seen to.
    inode_->NoteChange(std::min<size_t>(size, inode_->written.size()), inode_->written.size());
    inode_->written.resize(size);
    return {};
  }

  const std::string& name() const override { return name_; }

 private:
  Result<void> Fail(Error::Kind kind, std::string_view call) const {
    return std::unexpected(
        Error{kind, name_ + ": the simulated disk fails to " + std::string(call)});
  }
  Result<void> Dead() const { return Fail(Error::Kind::kIo, "outlive its crash"); }

  const std::shared_ptr<State> state_;
  const std::shared_ptr<Inode> inode_;
  const std::string name_;
  const uint64_t life_;
};

SimulatedDisk::SimulatedDisk() : state_(std::make_shared<State>()) {}
SimulatedDisk::~SimulatedDisk() = default;

Result<std::vector<std::string>> SimulatedDisk::List() const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, inode] : state_->names) names.push_back(name);
  return names;
}

Result<std::unique_ptr<File>> SimulatedDisk::Create(const std::string& name) {
  const std::scoped_lock lock(state_->mutex);
  if (const auto fault = state_->Strike(Call::kCreate)) {
    return std::unexpected(Error{fault->kind, name + ": the simulated disk fails to create"});
  }
  auto inode = std::make_shared<Inode>();
  state_->names[name] = inode;
  return std::make_unique<SimulatedFile>(state_, std::move(inode), name);
}

Result<std::unique_ptr<File>> SimulatedDisk::Open(const std::string& name) {
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->names.find(name);
  if (found == state_->names.end()) {
    return std::unexpected(Error{Error::Kind::kInvalid, name + ": there is no such file"});
  }
  return std::make_unique<SimulatedFile>(state_, found->second, name);
}

Result<void> SimulatedDisk::Remove(const std::string& name) {
  const std::scoped_lock lock(state_->mutex);
  if (const auto fault = state_->Strike(Call::kRemove)) {
    return std::unexpected(Error{fault->kind, name + ": the simulated disk fails to remove"});
  }
  state_->names.erase(name);
  return {};
}

Result<void> SimulatedDisk::SyncDirectory() {
  const std::scoped_lock lock(state_->mutex);
  if (const auto fault = state_->Strike(Call::kSyncDirectory)) {
    return std::unexpected(Error{fault->kind, "the simulated disk fails to sync its directory"});
  }
  state_->synced_names = state_->names;
  return {};
}

bool SimulatedDisk::IsFull(uint64_t, uint64_t bytes) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->capacity - std::min(state_->capacity, state_->Used()) < bytes;
}

void SimulatedDisk::Fail(Call call, Fault fault) {
  const std::scoped_lock lock(state_->mutex);
  state_->faults[std::to_underlying(call)] = fault;
}

void SimulatedDisk::SetCapacity(uint64_t bytes) {
  const std::scoped_lock lock(state_->mutex);
  state_->capacity = bytes;
}

uint64_t SimulatedDisk::calls(Call call) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->calls[std::to_underlying(call)];
}

void SimulatedDisk::LosePower(uint64_t seed) {
  const std::scoped_lock lock(state_->mutex);
  ++state_->life;
  state_->faults = {};
  Coin coin(seed);
  State::Names left = state_->synced_names;
  for (const auto& [name, inode] : state_->synced_names) {
    const auto now = state_->names.find(name);
    if (now != state_->names.end() && now->second == inode) continue;
    if (coin.Toss()) left.erase(name);
  }
  for (const auto& [name, inode] : state_->names) {
    const auto before = state_->synced_names.find(name);
    if (before != state_->synced_names.end() && before->second == inode) continue;
    if (coin.Toss()) left[name] = inode;
  }
  for (const auto& [name, inode] : left) {
    inode->written = inode->synced = Survivor(inode->synced, inode->written, coin);
  }
  state_->names = state_->synced_names = left;
}

void SimulatedDisk::Crash() {
  const std::scoped_lock lock(state_->mutex);
  ++state_->life;
  state_->faults = {};
}

void SimulatedDisk::FlipBit(const std::string& name, uint64_t offset, int bit) {
  const std::scoped_lock lock(state_->mutex);
  Inode& inode = *state_->names.at(name);
  inode.written.at(offset) = static_cast<char>(inode.written[offset] ^ (1 << bit));
  inode.synced = inode.written;
}

std::string SimulatedDisk::Contents(const std::string& name) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->names.at(name)->written;
}

void SimulatedDisk::SetContents(const std::string& name, std::string bytes) {
  const std::scoped_lock lock(state_->mutex);
  auto& inode = state_->names[name];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  inode->written = inode->synced = std::move(bytes);
  state_->synced_names[name] = inode;
}

}  // namespace cartwheel::storage
