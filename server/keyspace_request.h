// The commands on a whole keyspace (SCAN, KEYS, RANDOMKEY, DBSIZE, FLUSHDB, FLUSHALL) as values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "cluster/scan_place.h"
#include "resp/reply_writer.h"
#include "server/command.h"

namespace cartwheel::server {

struct KeyspaceRequest {
  enum class Kind : uint8_t { kScan, kKeys, kRandomKey, kDbSize, kFlushDb, kFlushAll };

  Kind kind = Kind::kScan;
  cluster::ScanPlace cursor = 0;  // kScan
  size_t count = 10;              // kScan: about so many keys
  std::string pattern = "*";      // kScan, kKeys
  bool excludes_all = false;      // kScan: of a TYPE that no key has

  bool Flushes() const { return kind == Kind::kFlushDb || kind == Kind::kFlushAll; }
  bool Matches(std::string_view key) const;
};

// Whether it is one of them.
bool IsOnKeyspace(const Command& command);

// Of a command that is one, and whose arity fits. The error is a reply.
std::expected<KeyspaceRequest, std::string> ParseKeyspaceRequest(const Command& command, Args args);

// Of KEYS, and of SCAN: where it goes on (kEndPlace: nowhere), and its keys.
void ReplyKeys(std::span<const std::string> keys, resp::ReplyWriter& reply);
void ReplyPage(cluster::ScanPlace next, std::span<const std::string> keys,
               resp::ReplyWriter& reply);

}  // namespace cartwheel::server
