#include "bertft/data/feature_json.h"

#include <utility>

namespace bertft::data {

Json feature_json(const Dataset& dataset, const Features& features, const Window& window) {
  Json ids = Json::array(), types = Json::array(), offsets = Json::array();
  features.for_each_token(window, [&](std::uint32_t id, int type, const tokenizer::Token* token) {
    ids.push_back(id);
    types.push_back(type);
    offsets.push_back(token == nullptr ? Json() : Json::array({token->char_begin, token->char_end}));
  });
  return {{"id", dataset.questions[window.question_idx].id},
          {"window", window.window_idx},
          {"input_ids", std::move(ids)},
          {"token_type_ids", std::move(types)},
          {"offsets", std::move(offsets)},
          {"start", window.is_labelled ? Json(window.start_label) : Json()},
          {"end", window.is_labelled ? Json(window.end_label) : Json()}};
}

}  // namespace bertft::data
