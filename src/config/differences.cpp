#include <string>
#include <variant>
#include <vector>

#include "bertft/config/config.h"
#include "bertft/util/text.h"
#include "config/scalar.h"
#include "config/schema.h"

namespace bertft::config {

std::vector<Difference> differences(Options was, Options is) {
  const auto text = [](const Field& field) {
    const Value value = field.get();
    return std::holds_alternative<std::monostate>(value) ? std::string(field.option.unset_name) : written(field, value);
  };
  const std::vector<Field> before = fields_of(was), after = fields_of(is);
  std::vector<Difference> result;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].option.is_free_to_change || before[i].get() == after[i].get()) continue;
    result.push_back({std::string(before[i].key), text(before[i]), text(after[i])});
  }
  return result;
}

void leave_with_training(Resolved& resolved, const std::string& file) {
  Options defaults;
  const std::vector<Field> unset = fields_of(defaults), fields = fields_of(resolved.options);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    std::string& origin = resolved.origins[std::string(fields[i].key)];
    if (!fields[i].option.stays_with_training || !origin.starts_with(printable(file) + ":")) continue;
    fields[i].set(unset[i].get());
    origin = kDefaultOrigin;
  }
}

}  // namespace bertft::config
