#include "tokenizer/wire_format.h"

#include <bit>
#include <limits>

namespace bertft::tokenizer {

std::optional<WireReader::Field> WireReader::next() {
  if (rest_.empty() || is_malformed_) return std::nullopt;
  const std::string_view begin = rest_;
  const std::optional<std::uint64_t> key = read_varint();
  if (key && *key >> 3 != 0 && *key <= std::numeric_limits<std::uint32_t>::max()) {
    Field field{
        .number = static_cast<std::uint32_t>(*key >> 3), .type = static_cast<Type>(*key & 7), .value = 0, .bytes = {}};
    if (read_payload(field)) return field;
  }
  rest_ = begin;
  is_malformed_ = true;
  return std::nullopt;
}

bool WireReader::read_payload(Field& field) {
  std::optional<std::uint64_t> value;
  switch (field.type) {
    case Type::kVarint:
      value = read_varint();
      break;
    case Type::kFixed64:
      value = read_fixed(8);
      break;
    case Type::kFixed32:
      value = read_fixed(4);
      break;
    case Type::kBytes:
      value = read_varint();
      if (!value || *value > rest_.size()) return false;
      field.bytes = rest_.substr(0, *value);
      rest_.remove_prefix(*value);
      break;
    default:
      return false;  // groups, which no message of ours has
  }
  field.value = value.value_or(0);
  return value.has_value();
}

std::optional<std::uint64_t> WireReader::read_varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> WireReader::read_fixed(std::size_t num_bytes) {
  if (rest_.size() < num_bytes) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < num_bytes; ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
  }
  rest_.remove_prefix(num_bytes);
  return value;
}

void WireWriter::varint(std::uint32_t field, std::uint64_t value) {
  append_key(field, WireReader::Type::kVarint);
  append_varint(value);
}

void WireWriter::fixed32(std::uint32_t field, float value) {
  append_key(field, WireReader::Type::kFixed32);
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) text_ += static_cast<char>(bits >> shift & 0xFF);
}

void WireWriter::bytes(std::uint32_t field, std::string_view value) {
  append_key(field, WireReader::Type::kBytes);
  append_varint(value.size());
  text_ += value;
}

void WireWriter::append_key(std::uint32_t field, WireReader::Type type) {
  append_varint(std::uint64_t{field} << 3 | static_cast<std::uint64_t>(type));
}

void WireWriter::append_varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
  text_ += static_cast<char>(value);
}

}  // namespace bertft::tokenizer
