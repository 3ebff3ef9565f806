#include "data/syntax_error.h"

#include <fmt/format.h>

#include <algorithm>

#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"

namespace bertft::data {

void fail_syntax(std::string_view text, std::size_t byte_offset, std::string_view name, std::string_view reason) {
  const std::size_t at = std::min(byte_offset, text.size());
  std::string hint = syntax_hint(text, at);
  if (!hint.empty()) hint = ".\n" + hint;
  throw DataError(
      fmt::format("{}:{}: error: not JSON: {}{}", printable(name), line_and_column(text, at), reason, hint));
}

}  // namespace bertft::data
