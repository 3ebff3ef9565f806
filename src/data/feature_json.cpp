#include "bertft/data/feature_json.h"

#include <utility>

namespace bertft::data {

Json feature_json(const Dataset& dataset, const Features& features, const Window& window) {
  Json ids = Json::array(), types = Json::array(), offsets = Json::array();
  const auto append = [&](std::uint32_t id, int type, Json offset) {
    ids.push_back(id);
    types.push_back(type);
    offsets.push_back(std::move(offset));
  };
  append(features.tokens.special.cls, 0, nullptr);
  for (const auto& token : features.question_tokens(window)) append(token.id, 0, nullptr);
  append(features.tokens.special.sep, 0, nullptr);
  for (const auto& token : features.context_tokens(window)) {
    append(token.id, 1, Json::array({token.char_begin, token.char_end}));
  }
  append(features.tokens.special.sep, 1, nullptr);
  return {{"id", dataset.questions[window.question_idx].id},
          {"window", window.window_idx},
          {"input_ids", std::move(ids)},
          {"token_type_ids", std::move(types)},
          {"offsets", std::move(offsets)},
          {"start", window.start_label},
          {"end", window.end_label}};
}

}  // namespace bertft::data
