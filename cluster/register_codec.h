// The register's messages and what it keeps, as bytes.
//
//   message  u8 type, then: 1 prepare: u64 epoch, ballot; 2 promise: u64 epoch, ballot, ballot,
//            record; 3 accept: ballot, record; 4 accepted: u64 epoch, ballot; 5 rejected: u64
//            epoch, ballot, ballot; 6 chosen: record; 7 pull: u64 epoch
//   ballot   u64 round, u64 node, u64 nonce
//   record   u64 epoch, varint number of voters, u64 of each, varint + bytes
//   state    u8 format, record, ballot promised, ballot accepted, record; u32 low half of the
//            XXH3-64 of all that
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/register.h"

namespace cartwheel::cluster {

std::string EncodeRegisterMessage(const RegisterMessage& message);
// Never trust the bytes. The errors say what is wrong with them, as a part of one line.
std::expected<RegisterMessage, std::string> DecodeRegisterMessage(std::string_view bytes);
// What questions and answers of join.h carry; nullopt: it is no Chosen.
std::optional<Record> DecodeChosen(std::string_view bytes);

std::string EncodeRegisterState(const Register::State& state);
std::expected<Register::State, std::string> DecodeRegisterState(std::string_view bytes);

}  // namespace cartwheel::cluster
