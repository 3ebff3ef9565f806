#include "weights/safetensors_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "weights/dtype.h"

namespace bertft::weights {
namespace {

constexpr std::size_t kPrefixBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 10'000'000;
constexpr std::size_t kMaxTensors = 10'000;
constexpr std::string_view kMetadataKey = "__metadata__";

[[noreturn]] void refuse(std::string_view name, std::string_view rule, std::string_view fact) {
  throw WeightsError(fmt::format(
      "{}: {} (safetensors rule: {})\n"
      "The file is damaged, incomplete or unusual: download it again, or save it anew with the safetensors package.",
      printable(name), fact, rule));
}

struct Entry {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<std::uint64_t> offsets;
};

// Turns the header into entries while it is parsed, so that nothing is built for what is
// refused anyway, and nothing recurses: a value at an unexpected place ends the parse, so
// that no accepted header is nested deeper than three levels.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(std::string_view name) : name_(name) {}

  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(std::size_t /*size*/) override {
    if (place_ == Place::kDocument) {
      place_ = Place::kHeader;
    } else if (place_ == Place::kHeader) {
      place_ = key_ == kMetadataKey ? Place::kMetadata : Place::kTensor;
    } else {
      misplaced();
    }
    return true;
  }

  bool key(string_t& key) override {
    if (place_ == Place::kTensor) {
      enter_field(key);
    } else if (place_ == Place::kMetadata) {
      if (metadata.contains(key)) refuse_duplicate(key);
      metadata_key_ = std::move(key);
    } else {
      enter_entry(key);
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor) finish_tensor();
    place_ = place_ == Place::kHeader ? Place::kDocument : Place::kHeader;
    return true;
  }

  bool start_array(std::size_t /*size*/) override {
    if (place_ != Place::kTensor || field_ == Field::kDType) misplaced();
    place_ = Place::kList;
    return true;
  }

  bool end_array() override {
    if (field_ == Field::kOffsets && entry_.offsets.size() != 2) misplaced();
    place_ = Place::kTensor;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::kList) misplaced();
    if (field_ == Field::kOffsets) {
      entry_.offsets.push_back(value);
      return true;
    }
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) misplaced();
    entry_.shape.push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      metadata.emplace(metadata_key_, std::move(value));
    } else if (place_ == Place::kTensor && field_ == Field::kDType) {
      set_dtype(value);
    } else {
      misplaced();
    }
    return true;
  }

  bool null() override { misplaced(); }
  bool boolean(bool /*value*/) override { misplaced(); }
  bool number_integer(number_integer_t /*value*/) override { misplaced(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { misplaced(); }
  bool binary(binary_t& /*value*/) override { misplaced(); }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    refuse(name_, "header-json", fmt::format("the header is not valid JSON at its byte {}", position));
  }

 private:
  enum class Place { kDocument, kHeader, kMetadata, kTensor, kList };
  enum class Field { kDType, kShape, kOffsets };
  struct FieldRule {
    std::string_view key, rule, expected;
  };
  static constexpr std::array<FieldRule, 3> kFields{
      {{"dtype", "dtype", "a string"},
       {"shape", "shape", "a list of integers from 0 to 2^63 - 1"},
       {"data_offsets", "data-offsets", "a list of two integers from 0 to 2^64 - 1"}}};

  void enter_entry(std::string& key) {
    if (key == kMetadataKey ? has_metadata_ : entries.contains(key)) refuse_duplicate(key);
    if (key == kMetadataKey) {
      has_metadata_ = true;
    } else if (entries.size() == kMaxTensors) {
      refuse(name_, "tensor-limit", "the header lists more than 10,000 tensors");
    }
    key_ = std::move(key);
    entry_ = {};
    seen_ = {};
  }

  void enter_field(std::string_view key) {
    const auto* const field = std::ranges::find(kFields, key, &FieldRule::key);
    if (field == kFields.end()) {
      refuse(name_, "tensor-entry",
             fmt::format("tensor '{}' has an unknown key '{}'", printable(key_), printable(key)));
    }
    const auto index = static_cast<std::size_t>(field - kFields.begin());
    if (seen_[index]) refuse_duplicate(key);
    seen_[index] = true;
    field_ = static_cast<Field>(index);
  }

  void set_dtype(std::string_view text) {
    const auto dtype = dtype_named(text);
    if (!dtype) {
      refuse(name_, "dtype",
             fmt::format("tensor '{}' has dtype '{}', which this program does not read", printable(key_),
                         printable(text)));
    }
    entry_.dtype = *dtype;
  }

  void finish_tensor() {
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      if (seen_[i]) continue;
      refuse(name_, "tensor-entry", fmt::format("tensor '{}' has no {}", printable(key_), kFields[i].key));
    }
    entries.emplace(key_, std::move(entry_));
  }

  [[noreturn]] void refuse_duplicate(std::string_view key) const {
    refuse(name_, "unique-names", fmt::format("the header names '{}' twice", printable(key)));
  }

  // A value stands where its type does not belong.
  [[noreturn]] void misplaced() const {
    if (place_ == Place::kMetadata || (place_ == Place::kHeader && key_ == kMetadataKey)) {
      refuse(name_, "metadata-strings", "__metadata__ is not an object of strings");
    }
    if (place_ == Place::kHeader) {
      refuse(name_, "tensor-entry", fmt::format("tensor '{}' is not an object", printable(key_)));
    }
    const FieldRule& field = kFields[static_cast<std::size_t>(field_)];
    refuse(name_, field.rule, fmt::format("{} of tensor '{}' is not {}", field.key, printable(key_), field.expected));
  }

  std::string_view name_;
  Place place_ = Place::kDocument;
  Field field_ = Field::kDType;
  bool has_metadata_ = false;
  std::string key_, metadata_key_;
  Entry entry_;
  std::array<bool, kFields.size()> seen_{};
};

std::uint64_t header_length(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kPrefixBytes; ++i) length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return length;
}

std::string_view checked_header(std::span<const std::byte> bytes, std::string_view name) {
  if (bytes.size() < kPrefixBytes) {
    refuse(name, "length-prefix", fmt::format("the file has {} bytes; a header length takes 8", bytes.size()));
  }
  const std::uint64_t length = header_length(bytes);
  if (length > kMaxHeaderBytes) {
    refuse(name, "header-limit", fmt::format("the header is said to have {} bytes; 10,000,000 are allowed", length));
  }
  if (length > bytes.size() - kPrefixBytes) {
    refuse(name, "header-inside-file",
           fmt::format("the header is said to have {} bytes; {} follow", length, bytes.size() - kPrefixBytes));
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kPrefixBytes, length);
  if (!header.starts_with('{')) refuse(name, "header-start", "the header does not begin with '{'");
  if (const auto at = find_invalid_utf8(header)) {
    refuse(name, "header-utf8", fmt::format("the header is not UTF-8 at its byte {}", *at));
  }
  // The parser would take a NUL for the end and ignore what follows.
  if (const auto at = header.find('\0'); at != std::string_view::npos) {
    refuse(name, "header-json", fmt::format("the header has a NUL at its byte {}", at));
  }
  return header;
}

void check_extent(const Entry& entry, std::string_view tensor, std::string_view name) {
  const std::uint64_t begin = entry.offsets[0], end = entry.offsets[1];
  if (begin > end) {
    refuse(name, "data-offsets", fmt::format("tensor '{}' begins at {} and ends before, at {}", tensor, begin, end));
  }
  const auto expected = byte_count(entry.dtype, entry.shape);
  if (!expected) {
    refuse(name, "shape", fmt::format("the shape of tensor '{}' has more elements than 64 bits can count", tensor));
  }
  if (*expected != end - begin) {
    refuse(name, "byte-count",
           fmt::format("tensor '{}' takes {} bytes; its shape and dtype {} need {}", tensor, end - begin,
                       name_of(entry.dtype), *expected));
  }
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() > kPrefixBytes && header_length(bytes) <= 10 * kMaxHeaderBytes &&
         bytes[kPrefixBytes] == std::byte{'{'};
}

TensorTable check_safetensors(std::span<const std::byte> bytes, std::string_view name) {
  const std::string_view header = checked_header(bytes, name);
  HeaderReader reader(name);
  nlohmann::json::sax_parse(header.begin(), header.end(), &reader);

  const auto data = bytes.subspan(kPrefixBytes + header.size());
  std::vector<std::pair<const std::string, Entry>*> in_file_order;
  for (auto& entry : reader.entries) in_file_order.push_back(&entry);
  std::ranges::sort(in_file_order, {}, [](const auto* entry) -> const auto& { return entry->second.offsets; });

  TensorTable table{.tensors = {}, .metadata = std::move(reader.metadata)};
  std::uint64_t expected_begin = 0;
  for (auto* const named : in_file_order) {
    Entry& entry = named->second;
    const std::string tensor = printable(named->first);
    check_extent(entry, tensor, name);
    const std::uint64_t begin = entry.offsets[0], end = entry.offsets[1];
    if (begin != expected_begin) {
      refuse(name, begin < expected_begin ? "no-overlap" : "no-gap",
             fmt::format("tensor '{}' begins at {}; the one before it ends at {}", tensor, begin, expected_begin));
    }
    if (end > data.size()) {
      refuse(name, "data-end", fmt::format("tensor '{}' ends at {}; the data at {}", tensor, end, data.size()));
    }
    table.tensors.emplace(named->first,
                          TensorView{entry.dtype, std::move(entry.shape), data.subspan(begin, end - begin)});
    expected_begin = end;
  }
  if (expected_begin != data.size()) {
    refuse(name, "data-end",
           fmt::format("the last tensor ends at {}; {} bytes follow", expected_begin, data.size() - expected_begin));
  }
  return table;
}

}  // namespace bertft::weights
