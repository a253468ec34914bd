#include "server/keyspace_walk.h"

#include <algorithm>
#include <utility>

#include "cluster/store_key.h"

namespace cartwheel::server {
namespace {

// KEYS goes through a database in pages of this size; a flush has so many deletions under way.
constexpr size_t kKeysPage = 4096;
constexpr size_t kFlushPage = 512;
// A SCAN goes on until it has looked at COUNT keys, but not for ever where there are few.
constexpr size_t kMostScanPages = 16;

// Of a key's hash, and of all places of a database.
constexpr int kPlaceBits = 48;

size_t PageOf(const KeyspaceRequest& request) {
  if (request.kind == KeyspaceRequest::Kind::kScan) return request.count;
  if (request.kind == KeyspaceRequest::Kind::kKeys) return kKeysPage;
  return request.Flushes() ? kFlushPage : 1;
}

}  // namespace

KeyspaceWalk::KeyspaceWalk(const KeyspaceRequest& request, cluster::Database database,
                           resp::Protocol protocol, uint64_t random)
    : request_(request),
      protocol_(protocol),
      list_{.database = database, .count = PageOf(request)},
      random_place_(random >> (64 - kPlaceBits)) {}

template <typename Write>
KeyspaceWalk::Done KeyspaceWalk::Reply(Write write) const {
  Done done;
  resp::ReplyWriter writer(done.reply, protocol_);
  write(writer);
  return done;
}

KeyspaceWalk::Step KeyspaceWalk::Begin() {
  if (request_.kind == Kind::kFlushAll) list_.database = 0;
  if (request_.kind == Kind::kRandomKey) list_.from = random_place_;
  if (request_.kind == Kind::kScan) list_.from = request_.cursor;
  if (list_.from >= cluster::kEndPlace) return End();
  return list_;
}

KeyspaceWalk::Step KeyspaceWalk::Listed(const cluster::ListQuorum& page) {
  if (request_.kind == Kind::kDbSize) {
    return Reply([&](resp::ReplyWriter& reply) {
      reply.Integer(static_cast<int64_t>(page.database_keys()));
    });
  }
  ++pages_;
  looked_at_ += page.keys().size();
  list_.from = page.next();
  page_ = page.keys();
  std::erase_if(page_, [this](const auto& key) { return !request_.Matches(key.key); });
  Ask ask{.remove = request_.Flushes(), .database = list_.database, .keys = {}};
  for (const auto& [key, agreed] : page_) {
    if (ask.remove || !agreed) ask.keys.push_back(key);
  }
  if (!ask.keys.empty()) return ask;
  return TakePage();
}

KeyspaceWalk::Step KeyspaceWalk::Answered(std::span<const std::string> replies) {
  const auto failed = std::ranges::find_if(
      replies, [](const std::string& reply) { return reply.starts_with('-'); });
  if (failed != replies.end()) return Done{*failed};
  if (request_.Flushes()) return NextPage();
  auto reply = replies.begin();
  for (auto& [key, agreed] : page_) {
    if (!agreed) agreed = *reply++ == ":1\r\n";
  }
  std::erase_if(page_, [](const auto& key) { return !key.agreed; });
  return TakePage();
}

KeyspaceWalk::Step KeyspaceWalk::TakePage() {
  for (auto& [key, agreed] : page_) found_.push_back(std::move(key));
  page_.clear();
  if (request_.kind == Kind::kRandomKey) return TakeRandomKey();
  const bool enough =
      request_.kind == Kind::kScan && (looked_at_ >= request_.count || pages_ >= kMostScanPages);
  return enough ? End() : NextPage();
}

KeyspaceWalk::Step KeyspaceWalk::NextPage() {
  if (list_.from < list_.until) return list_;
  if (request_.kind == Kind::kFlushAll && list_.database + 1 < cluster::kMaxDatabases) {
    ++list_.database;
    list_.from = 0;
    return list_;
  }
  return End();
}

KeyspaceWalk::Step KeyspaceWalk::TakeRandomKey() {
  if (sought_ == Sought::kKey || found_.empty()) {
    const bool more = list_.from < list_.until && found_.size() < 2;
    if (more) return list_;
    if (sought_ != Sought::kSlot || random_place_ == 0) return End();
    sought_ = Sought::kSlotFromTheStart;
    list_.from = 0;
    list_.until = random_place_;
    return list_;
  }
  const cluster::Slot slot = cluster::SlotOf(found_.front());
  found_.resize(1);
  sought_ = Sought::kKey;
  list_.from = cluster::PlaceOf(slot, cluster::HashAt(random_place_));
  list_.until = cluster::PlaceOf(slot, 0) + (cluster::ScanPlace{1} << cluster::kPlaceHashBits);
  return list_;
}

KeyspaceWalk::Step KeyspaceWalk::End() {
  return Reply([this](resp::ReplyWriter& reply) {
    switch (request_.kind) {
      case Kind::kScan: return ReplyPage(std::min(list_.from, cluster::kEndPlace), found_, reply);
      case Kind::kKeys: return ReplyKeys(found_, reply);
      case Kind::kRandomKey: return found_.empty() ? reply.Null() : reply.Bulk(found_.back());
      case Kind::kDbSize: return reply.Integer(0);
      case Kind::kFlushDb:
      case Kind::kFlushAll: return reply.Ok();
    }
  });
}

}  // namespace cartwheel::server
