#include "cluster/register_codec.h"

#include <utility>

#include <xxhash.h>

#include "cluster/byte_fields.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kStateFormat = 1;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kMostVoters = 64;

enum class Type : uint8_t {
  kPrepare = 1,
  kPromise = 2,
  kAccept = 3,
  kAccepted = 4,
  kRejected = 5,
  kChosen = 6,
  kPull = 7,
};

class Writer : public FieldWriter<Writer> {
 public:
  explicit Writer(std::string& out) : FieldWriter(out) {}
  Writer& Of(Type type) { return U8(static_cast<uint8_t>(type)); }
  Writer& Put(const Ballot& ballot) {
    return U64(ballot.round).Name(ballot.node).U64(ballot.nonce);
  }
  Writer& Put(const Record& record) {
    U64(record.epoch).Varint(record.voters.size());
    for (const NodeId voter : record.voters) Name(voter);
    return Bytes(record.bytes);
  }
};

class Reader : public ByteReader {
 public:
  explicit Reader(std::string_view bytes) : ByteReader(bytes) {}
  Ballot TakeBallot() {
    const uint64_t round = U64();
    const auto node = Name<NodeId>();
    return {.round = round, .node = node, .nonce = U64()};
  }
  // One that was never accepted is empty.
  Record TakeRecord(bool may_be_none = false) {
    Record record;
    record.epoch = U64();
    const uint64_t voters = Varint();
    Require(voters <= kMostVoters && (voters > 0 || may_be_none));
    for (uint64_t i = 0; i < voters && ok(); ++i) {
      const auto voter = Name<NodeId>();
      Require(voter != kNoNode && (record.voters.empty() || record.voters.back() < voter));
      record.voters.push_back(voter);
    }
    record.bytes = Bytes();
    return record;
  }
};

void Append(const Prepare& message, Writer& out) {
  out.Of(Type::kPrepare).U64(message.epoch).Put(message.ballot);
}
void Append(const Promise& message, Writer& out) {
  out.Of(Type::kPromise).U64(message.epoch).Put(message.ballot).Put(message.accepted);
  out.Put(message.record);
}
void Append(const Accept& message, Writer& out) {
  out.Of(Type::kAccept).Put(message.ballot).Put(message.record);
}
void Append(const Accepted& message, Writer& out) {
  out.Of(Type::kAccepted).U64(message.epoch).Put(message.ballot);
}
void Append(const Rejected& message, Writer& out) {
  out.Of(Type::kRejected).U64(message.epoch).Put(message.ballot).Put(message.promised);
}
void Append(const Chosen& message, Writer& out) {
  out.Of(Type::kChosen).Put(message.record);
}
void Append(const Pull& message, Writer& out) {
  out.Of(Type::kPull).U64(message.epoch);
}

// Members of a braced list are read in their order, so the structs' members stand as the fields do.
RegisterMessage Take(Reader& in) {
  switch (static_cast<Type>(in.U8())) {
    case Type::kPrepare: return Prepare{.epoch = in.U64(), .ballot = in.TakeBallot()};
    case Type::kPromise: {
      Promise promise{
          .epoch = in.U64(), .ballot = in.TakeBallot(), .accepted = in.TakeBallot(), .record = {}};
      promise.record = in.TakeRecord(promise.accepted == Ballot{});
      return promise;
    }
    case Type::kAccept: return Accept{.ballot = in.TakeBallot(), .record = in.TakeRecord()};
    case Type::kAccepted: return Accepted{.epoch = in.U64(), .ballot = in.TakeBallot()};
    case Type::kRejected:
      return Rejected{.epoch = in.U64(), .ballot = in.TakeBallot(), .promised = in.TakeBallot()};
    case Type::kChosen: return Chosen{in.TakeRecord()};
    case Type::kPull: return Pull{in.U64()};
  }
  in.Fail();
  return Pull{};
}

uint64_t Checksum(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size()) & 0xffffffff;
}

}  // namespace

std::string EncodeRegisterMessage(const RegisterMessage& message) {
  std::string bytes;
  Writer out(bytes);
  std::visit([&out](const auto& it) { Append(it, out); }, message);
  return bytes;
}

std::expected<RegisterMessage, std::string> DecodeRegisterMessage(std::string_view bytes) {
  Reader in(bytes);
  RegisterMessage message = Take(in);
  in.Require(in.empty());
  if (!in.ok()) {
    return std::unexpected("an ill-formed message of the register, of " +
                           std::to_string(bytes.size()) + " bytes");
  }
  return message;
}

std::optional<Record> DecodeChosen(std::string_view bytes) {
  auto message = DecodeRegisterMessage(bytes);
  auto* const chosen = message ? std::get_if<Chosen>(&*message) : nullptr;
  if (chosen == nullptr) return std::nullopt;
  return std::move(chosen->record);
}

std::string EncodeRegisterState(const Register::State& state) {
  std::string bytes;
  Writer out(bytes);
  out.U8(kStateFormat).Put(state.chosen).Put(state.promised).Put(state.accepted).Put(state.record);
  out.Little<kChecksumBytes>(Checksum(bytes));
  return bytes;
}

std::expected<Register::State, std::string> DecodeRegisterState(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected("it is empty");
  if (static_cast<uint8_t>(bytes.front()) != kStateFormat) {
    return std::unexpected("it was written by a later version");
  }
  const size_t covered = bytes.size() - std::min(bytes.size(), kChecksumBytes);
  Reader in(bytes.substr(1, covered == 0 ? 0 : covered - 1));
  Register::State state;
  state.chosen = in.TakeRecord();
  state.promised = in.TakeBallot();
  state.accepted = in.TakeBallot();
  state.record = in.TakeRecord(state.accepted == Ballot{});
  in.Require(in.empty());
  ByteReader sum(bytes.substr(covered));
  if (!in.ok() || sum.Little<kChecksumBytes>() != Checksum(bytes.substr(0, covered))) {
    return std::unexpected("it is damaged");
  }
  return state;
}

}  // namespace cartwheel::cluster
