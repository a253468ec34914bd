#include "server/base64.h"

#include <array>
#include <cstdint>

namespace cartwheel::server {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr int kBitsOfDigit = 6;
constexpr uint8_t kNoDigit = 64;

constexpr auto kDigits = [] {
  std::array<uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return digits;
}();

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + kBitsOfDigit - 1) / kBitsOfDigit);
  uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(byte);
    for (count += 8; count >= kBitsOfDigit; count -= kBitsOfDigit) {
      text += kAlphabet[bits >> (count - kBitsOfDigit) & 63];
    }
  }
  if (count > 0) text += kAlphabet[bits << (kBitsOfDigit - count) & 63];
  return text;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * kBitsOfDigit / 8);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const uint8_t digit = kDigits[static_cast<uint8_t>(c)];
    if (digit == kNoDigit) return std::nullopt;
    bits = bits << kBitsOfDigit | digit;
    count += kBitsOfDigit;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 255);
  }
  // A digit too many, or bits behind the last byte that are not zero: another text of the same
  // bytes.
  if (count >= kBitsOfDigit || (bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace cartwheel::server
