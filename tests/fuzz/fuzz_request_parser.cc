// The input as a client's bytes: parsed as they come in one piece and in random pieces, they must
// give the same requests and the same error. Every call gets its bytes in a new buffer of exactly
// their size, so that ASan sees stale views and reads past the end.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resp/lookahead.h"
#include "resp/request_parser.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using cartwheel::fuzz::Pieces;
using cartwheel::fuzz::Require;
using cartwheel::resp::LookAhead;
using cartwheel::resp::RequestLimits;
using cartwheel::resp::RequestParser;
using Status = RequestParser::Status;

struct Outcome {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  std::string rest;  // bytes of an incomplete request
};

class Client {
 public:
  explicit Client(const RequestLimits& limits) : limits_(limits) {}

  void Receive(std::string_view piece) {
    outcome_.rest += piece;
    while (outcome_.error.empty() && ParseOne() == Status::kComplete) {
    }
  }

  const Outcome& outcome() const { return outcome_; }

 private:
  Status ParseOne() {
    const std::string& bytes = outcome_.rest;
    const auto buffer = std::make_unique<char[]>(bytes.size());
    bytes.copy(buffer.get(), bytes.size());
    const std::string_view input(buffer.get(), bytes.size());
    const Status status = parser_.Parse(input, limits_);
    if (status == Status::kComplete) {
      CheckLookAhead(input);
      TakeRequest();
    }
    if (status == Status::kIncomplete) CheckIncomplete(input);
    if (status == Status::kError) {
      outcome_.error = parser_.error();
      Require(outcome_.error.starts_with("ERR Protocol error: "), "errors look like Redis's");
      Require(parser_.Parse(input, limits_) == Status::kError, "an error is final");
    }
    return status;
  }

  void TakeRequest() {
    const size_t consumed = parser_.consumed();
    Require(consumed > 0 && consumed <= outcome_.rest.size(), "a request takes bytes it was given");
    std::vector<std::string> request(parser_.args().begin(), parser_.args().end());
    size_t argument_bytes = 0;
    for (const std::string& arg : request) argument_bytes += arg.size();
    Require(argument_bytes + request.size() <= consumed, "arguments come from the request");
    outcome_.requests.push_back(std::move(request));
    outcome_.rest.erase(0, consumed);
  }

  // What it takes for a request is that request.
  void CheckLookAhead(std::string_view input) {
    std::vector<std::string_view> keys;
    const size_t bytes = LookAhead(input, 1, keys);
    if (bytes == 0) return;
    const auto args = parser_.args();
    Require(bytes == parser_.consumed(), "the request ends where looking ahead says");
    const bool has_key = args.size() > 1 && !args[1].empty();
    Require(keys.size() == (has_key ? 1 : 0), "looking ahead finds the key there is");
    Require(!has_key || keys[0] == args[1], "looking ahead finds the key");
  }

  void CheckIncomplete(std::string_view input) {
    const size_t needed = parser_.bytes_needed();
    Require(needed == 0 || needed > input.size(), "bytes_needed() asks for more than there is");
    Require(parser_.Parse(input, limits_) == Status::kIncomplete, "no news changes nothing");
    Require(parser_.bytes_needed() == needed, "no news changes no need");
  }

  RequestLimits limits_;
  RequestParser parser_;
  Outcome outcome_;
};

Outcome ParseWhole(std::string_view bytes, const RequestLimits& limits) {
  Client client(limits);
  client.Receive(bytes);
  return client.outcome();
}

Outcome ParseInPieces(std::string_view bytes, const RequestLimits& limits, Pieces& random) {
  Client client(limits);
  const size_t longest = 1 + random.Below(16);
  while (!bytes.empty() && client.outcome().error.empty()) {
    const std::string_view piece = bytes.substr(0, 1 + random.Below(longest));
    client.Receive(piece);
    bytes.remove_prefix(piece.size());
  }
  Outcome outcome = client.outcome();
#ifdef CARTWHEEL_CANARY
  // The planted fault: of four arguments in pieces the last is lost. No seed has four.
  for (std::vector<std::string>& request : outcome.requests) {
    if (request.size() == 4) request.pop_back();
  }
#endif
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Pieces random(bytes);
  RequestLimits limits;  // small enough for short inputs to reach them
  limits.max_bulk_bytes = 20000;
  limits.max_inline_bytes = 64;
  limits.max_args = 100;
  limits.authenticated = random.Below(4) != 0;

  const Outcome whole = ParseWhole(bytes, limits);
  const Outcome pieces = ParseInPieces(bytes, limits, random);
  Require(whole.requests == pieces.requests, "pieces give the same requests");
  Require(whole.error == pieces.error, "pieces give the same error");
  Require(!whole.error.empty() || whole.rest == pieces.rest, "pieces leave the same rest");
  return 0;
}
