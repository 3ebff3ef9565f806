#include "data/label.h"

#include <algorithm>

#include "bertft/util/text.h"

namespace bertft::data {

Label label_of(const Answer& answer, std::span<const tokenizer::Token> context, std::uint32_t first_context_position,
               bool fix_last_token_label) {
  const std::int64_t begin = answer.char_start;
  // The first comparison also keeps the sum below from overflowing.
  if (context.empty() || begin > context.back().char_end) return {};
  const std::int64_t end = begin + static_cast<std::int64_t>(count_code_points(answer.text));
  // An empty text at 0 has no label; run_qa.py stops with an IndexError there.
  if (context.front().char_begin > begin || context.back().char_end < end || end == 0) return {};

  const auto after_start =
      std::find_if(context.begin(), context.end(), [&](const tokenizer::Token& t) { return t.char_begin > begin; });
  const auto at_end = std::find_if(context.rbegin(), context.rend(), [&](const tokenizer::Token& t) {
                        return t.char_end < end;
                      }).base();
  const auto position = [&](auto token) {
    return first_context_position + static_cast<std::uint32_t>(token - context.begin());
  };
  const bool starts_in_last_token = after_start == context.end();
  return {.start = position(after_start) - (starts_in_last_token && !fix_last_token_label ? 0 : 1),
          .end = position(at_end)};
}

}  // namespace bertft::data
