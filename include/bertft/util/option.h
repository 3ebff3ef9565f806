#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bertft {

/// What is said about an option besides its name, type and default.
///
/// A room declares its options as a struct and one function
///   template <class Visitor> void visit(Visitor& v, ClipOptions& o) {
///     v.field("max_grad_norm", o.max_grad_norm, {.help = "...", .above = 0});
///   }
/// Field types: bool, std::int64_t, double, std::string, an enum with option_names(),
/// and std::optional of these, where unset means absent. The YAML key, the flag, the
/// environment variable, the checks, the help and the dump all come from this call.
struct Option {
  std::string_view help;
  std::string_view unit = "";                // "tokens", "features", "steps", ...
  std::optional<double> at_least = {};       // value >= this
  std::optional<double> above = {};          // value >  this
  std::optional<double> at_most = {};        // value <= this
  std::optional<double> below = {};          // value <  this
  std::string_view unset_name = "null";      // how an absent optional is written
  std::optional<double> read_as_unset = {};  // Hugging Face's sentinel for "absent"
  bool null_changes_nothing = false;         // null is Hugging Face's default where ours is a value
  std::string_view ignored_prefix = "";      // Hugging Face's, of an enum's names
  std::vector<std::pair<std::string_view, std::string_view>> other_names = {};  // its name, ours
  bool is_path = false;                        // made absolute in the resolved configuration
  bool is_memory_amount = false;               // "12GiB", "50%": util/memory_amount.h; `above` is checked
  std::vector<std::string_view> aliases = {};  // old spellings with the same meaning
  bool is_free_to_change = false;              // from one process of a run to the next: the result stays
  bool stays_with_training = false;            // of its machine or data; not taken over with the model
};

/// One spelling of an enum option. An enum E that is used as an option has, beside it,
///   inline std::vector<OptionName<E>> option_names(E) { return {{E::kSkip, "skip"}, ...}; }
template <class E>
struct OptionName {
  E value;
  std::string_view name;
};

template <class E>
std::string_view name_of(E value) {
  for (const OptionName<E>& entry : option_names(value)) {
    if (entry.value == value) return entry.name;
  }
  return {};
}

}  // namespace bertft
