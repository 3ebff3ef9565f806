#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "bertft/config/config.h"
#include "bertft/util/option.h"

namespace bertft::config {

/// What an option holds, whatever struct it lives in. The name of an enum value is a
/// string; monostate is an optional that is unset.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

enum class Kind { kBool, kInteger, kNumber, kText, kName };

/// One declared option, bound to its member of an Options object.
struct Field {
  std::string_view group, key;
  Option option;
  Kind kind;
  bool is_optional;
  std::vector<std::string_view> names;  // of a kName option
  std::function<Value()> get;
  std::function<void(const Value&)> set;  // the value must be of `kind`, or monostate where optional
};

/// The visitor that turns the declarations of the rooms into Fields.
class FieldCollector {
 public:
  void group(std::string_view title) { group_ = title; }

  template <class Member>
  void field(std::string_view key, Member& member, const Option& option) {
    using Plain = typename Traits<Member>::Plain;
    fields_.push_back({.group = group_,
                       .key = key,
                       .option = option,
                       .kind = kind_of<Plain>(),
                       .is_optional = Traits<Member>::kIsOptional,
                       .names = names_of<Plain>(),
                       .get = [&member] { return value_of(member); },
                       .set = [&member](const Value& value) { assign(member, value); }});
  }

  std::vector<Field> take() { return std::move(fields_); }

 private:
  template <class T>
  struct Traits {
    using Plain = T;
    static constexpr bool kIsOptional = false;
  };
  template <class T>
  struct Traits<std::optional<T>> {
    using Plain = T;
    static constexpr bool kIsOptional = true;
  };

  template <class T>
  static constexpr Kind kind_of() {
    if constexpr (std::is_same_v<T, bool>)
      return Kind::kBool;
    else if constexpr (std::is_same_v<T, std::int64_t>)
      return Kind::kInteger;
    else if constexpr (std::is_same_v<T, double>)
      return Kind::kNumber;
    else if constexpr (std::is_same_v<T, std::string>)
      return Kind::kText;
    else {
      static_assert(std::is_enum_v<T>, "an option is a bool, int64, double, string, enum, or an optional of these");
      return Kind::kName;
    }
  }

  template <class T>
  static std::vector<std::string_view> names_of() {
    std::vector<std::string_view> names;
    if constexpr (std::is_enum_v<T>) {
      for (const auto& entry : option_names(T{})) names.push_back(entry.name);
    }
    return names;
  }

  template <class T>
  static Value value_of(const T& member) {
    if constexpr (std::is_enum_v<T>) {
      const std::string_view name = name_of(member);
      if (name.empty()) throw std::logic_error("an enum value without a name in option_names()");
      return std::string(name);
    } else {
      return member;
    }
  }
  template <class T>
  static Value value_of(const std::optional<T>& member) {
    return member ? value_of(*member) : Value{};
  }

  template <class T>
  static void assign(T& member, const Value& value) {
    if constexpr (std::is_enum_v<T>) {
      for (const auto& entry : option_names(T{})) {
        if (entry.name == std::get<std::string>(value)) member = entry.value;
      }
    } else {
      member = std::get<T>(value);
    }
  }
  template <class T>
  static void assign(std::optional<T>& member, const Value& value) {
    if (std::holds_alternative<std::monostate>(value)) {
      member.reset();
    } else {
      assign(member.emplace(), value);
    }
  }

  std::string_view group_;
  std::vector<Field> fields_;
};

/// Every option, in the order of declaration, bound to `options`, which must outlive them.
inline std::vector<Field> fields_of(Options& options) {
  FieldCollector collector;
  visit(collector, options);
  return collector.take();
}

}  // namespace bertft::config
