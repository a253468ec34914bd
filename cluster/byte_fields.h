// Fields of encoded structs: integers, little endian or as varints, and bytes with their length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/encoding.h"
#include "cluster/varint.h"

namespace cartwheel::cluster {

// Appends field by field; `Writer` is who derives from it.
template <typename Writer>
class FieldWriter {
  friend Writer;

 public:
  template <size_t kBytes>
  Writer& Little(uint64_t number) {
    char bytes[kBytes];
    StoreLittle<kBytes>(number, bytes);
    out_.append(bytes, kBytes);
    return self();
  }
  Writer& U8(uint8_t number) { return Little<1>(number); }
  Writer& U64(uint64_t number) { return Little<8>(number); }
  template <typename Id>
  Writer& Name(Id id) {
    return U64(static_cast<uint64_t>(id));
  }
  Writer& Varint(uint64_t number) {
    char bytes[kMaxVarintBytes];
    out_.append(bytes, static_cast<size_t>(PutVarint(number, bytes) - bytes));
    return self();
  }
  Writer& Bytes(std::string_view bytes) {
    Varint(bytes.size());
    out_.append(bytes);
    return self();
  }

 private:
  explicit FieldWriter(std::string& out) : out_(out) {}
  Writer& self() { return static_cast<Writer&>(*this); }

  std::string& out_;
};

class ByteWriter : public FieldWriter<ByteWriter> {
 public:
  explicit ByteWriter(std::string& out) : FieldWriter(out) {}
};

// Reads until the first fault, after which everything is 0 or empty.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }
  void Fail() {
    ok_ = false;
    rest_ = {};
  }
  void Require(bool holds) {
    if (!holds) Fail();
  }

  std::string_view Take(uint64_t length) {
    if (rest_.size() < length) {
      Fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }
  template <size_t kBytes>
  uint64_t Little() {
    const std::string_view bytes = Take(kBytes);
    return bytes.empty() ? 0 : LoadLittle<kBytes>(bytes.data());
  }
  uint8_t U8() { return static_cast<uint8_t>(Little<1>()); }
  uint64_t U64() { return Little<8>(); }
  template <typename Id>
  Id Name() {
    return Id{U64()};
  }
  bool Flag() {
    const uint8_t flag = U8();
    Require(flag <= 1);
    return flag == 1;
  }
  uint64_t Varint() {
    uint64_t number = 0;
    const char* const end = TakeVarint(rest_.data(), rest_.data() + rest_.size(), number);
    if (end == nullptr) {
      Fail();
      return 0;
    }
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return number;
  }
  std::string_view Bytes() { return Take(Varint()); }

 protected:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace cartwheel::cluster
