#pragma once

#include <string>
#include <string_view>

#include "bertft/data/dataset.h"
#include "bertft/util/error.h"
#include "message_of.h"

namespace bertft::data {

inline Dataset read(std::string_view text) {
  return read_dataset_from(text, "data.json");
}

inline std::string refusal(std::string_view text) {
  return message_of<DataError>([&] { read(text); });
}

/// A SQuAD document of one article and one paragraph with these questions.
inline std::string document(std::string_view context, std::string_view qas) {
  return std::string(R"({"version":"v2.0","data":[{"title":"Rivers","paragraphs":[{"context":)") +
         std::string(context) + R"(,"qas":[)" + std::string(qas) + "]}]}]}";
}

/// The same with one question that has these answers.
inline std::string with_answers(std::string_view context, std::string_view answers) {
  return document(context, R"({"id":"q1","question":"Where?","answers":)" + std::string(answers) + "}");
}

}  // namespace bertft::data
