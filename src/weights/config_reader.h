#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bertft/util/json.h"
#include "bertft/weights/encoder_config.h"

namespace bertft::weights {

/// Reads the keys of one config.json; what is out of range is a DataError that names file and
/// key. Sizes have upper limits too, far above any encoder, so that a damaged number cannot
/// become an allocation.
class ConfigReader {
 public:
  static constexpr std::int64_t kMaxRows = 100'000'000, kMaxWidth = 1'000'000, kMaxLayers = 1'000;

  /// `name` is the file's, for messages. Neither is copied.
  ConfigReader(const Json& json, std::string_view name) : json_(json), name_(name) {}

  std::string_view name() const { return name_; }

  /// An integer from 1 to `max`.
  std::int64_t size(const char* key, std::int64_t absent, std::int64_t max) const;
  /// The same where transformers takes the key under a second name too (its attribute_map).
  /// throws DataError when both are there and differ
  std::int64_t size(const char* key, const char* alias, std::int64_t absent, std::int64_t max) const;
  /// An integer from 0 to below `count`.
  std::int64_t index(const char* key, std::int64_t absent, std::int64_t count) const;
  double probability_below_one(const char* key, double absent) const;
  double positive(const char* key, double absent) const;
  std::string text(const char* key, std::string_view absent) const;

  /// throws ConfigError for a function that we do not have
  EncoderConfig::Activation activation(const char* key, std::string_view absent) const;

  /// The number of token types.
  /// throws DataError for fewer than `least`
  std::int64_t num_token_types(std::int64_t least) const;

  /// throws ConfigError for positions that are not absolute, and for a decoder
  void check_encoder() const;

  /// throws DataError when a layer of `width` cannot be cut into `num_heads`
  void check_heads(const char* width_key, std::int64_t width, const char* heads_key, std::int64_t num_heads) const;

 private:
  std::int64_t in_range(const char* key, std::int64_t value, std::int64_t min, std::int64_t max) const;

  const Json& json_;
  std::string_view name_;
};

}  // namespace bertft::weights
