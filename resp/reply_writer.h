// Writes RESP2 or RESP3 replies at the end of a string.
//
// Callers say what they mean (a map, a null, a double); the writer picks the bytes that the
// client's protocol version has for it, as Redis does (a RESP3 map is a flat array in RESP2, a
// double a bulk string, ...). Aggregates are announced with their length and followed by that many
// values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cartwheel::resp {

enum class Protocol : uint8_t { kResp2 = 2, kResp3 = 3 };

class ReplyWriter {
 public:
  ReplyWriter(std::string& out, Protocol protocol) : out_(out), protocol_(protocol) {}

  Protocol protocol() const { return protocol_; }
  size_t size() const { return out_.size(); }

  void Ok() { out_.append("+OK\r\n", 5); }
  void SimpleString(std::string_view text);  // must hold no CR or LF
  // `text` starts with its error code ("ERR ...", "WRONGTYPE ..."); CR and LF become spaces.
  void Error(std::string_view text);
  void Integer(int64_t value);
  void Bulk(std::string_view bytes);
  void BulkInteger(int64_t value);  // as a bulk string of its digits
  void Verbatim(std::string_view text,
                std::string_view format);   // format: "txt" or "mkd"; RESP2: a bulk string
  void Double(double value);                // RESP2: a bulk string, 17 significant digits
  void Boolean(bool value);                 // RESP2: 1 or 0
  void BigNumber(std::string_view digits);  // RESP2: a bulk string
  void Null();                              // RESP2: a null bulk string ($-1)
  void NullArray();                         // RESP2: *-1; RESP3: _
  void Array(size_t length);
  void Map(size_t pairs);    // RESP2: an array of 2 * pairs
  void Set(size_t length);   // RESP2: an array
  void Push(size_t length);  // RESP2: an array

  // A reply that was written elsewhere for the same protocol.
  void Raw(std::string_view reply) { out_.append(reply); }

 private:
  bool resp3() const { return protocol_ == Protocol::kResp3; }
  void Header(char kind, int64_t number);  // a line: its type byte and a number

  std::string& out_;
  Protocol protocol_;
};

}  // namespace cartwheel::resp
