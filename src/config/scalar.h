#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/schema.h"

namespace bertft::config {

/// What was written for a key, before the key's type is known.
struct Scalar {
  enum class Form { kPlain, kQuoted, kList, kMap };
  std::string text;
  Form form = Form::kPlain;
  bool is_empty = false;  // of a list or a map: it holds nothing
};

/// A decimal number: 3, -0.5, .5, 3e-5. Nothing else that some YAML reader takes for one
/// (1_000, 0x10, 017, .inf, .nan), and nothing that does not fit a double.
std::optional<double> read_number(std::string_view text);

/// true false yes no on off 1 0, in any case.
std::optional<bool> read_bool(std::string_view text);

/// True for an unquoted null, ~, or nothing at all.
bool is_null(const Scalar& scalar);

/// Reads a scalar by the declared type of its option and checks its range. nullopt when it
/// does not fit; complaint() then says why.
std::optional<Value> read_value(const Field& field, const Scalar& scalar);

/// "expected a positive integer, got 'thirty'".
std::string complaint(const Field& field, const Scalar& scalar);
std::string complaint(std::string_view expected, const Scalar& scalar);

/// A value as read_value reads it back to the same bits.
std::string written(const Field& field, const Value& value);

/// The bounds or the names, in short: ">= 8", ">= 0, < 1", "no|steps|epoch"; empty when free.
std::string short_range(const Field& field);

/// 0.5, 384, 5e-05: the shortest text that reads back to the same double.
std::string written(double value);

}  // namespace bertft::config
