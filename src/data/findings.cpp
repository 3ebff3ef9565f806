#include "data/findings.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "bertft/util/text.h"
#include "data/first_equals.h"
#include "data/white_space.h"

namespace bertft::data {
namespace {

constexpr std::size_t kShownBytes = 40;  // of an answer in a message
constexpr auto kNowhere = std::string_view::npos;

// The byte at which a count of UTF-16 units ends.
std::size_t byte_of_utf16(std::string_view text, std::uint64_t units) {
  std::size_t pos = 0;
  while (units > 0 && pos < text.size()) {
    const std::uint64_t width = next_code_point(text, pos) >= 0x10000 ? 2 : 1;
    if (width > units) return kNowhere;
    units -= width;
  }
  return units == 0 ? pos : kNowhere;
}

bool stands_at(std::string_view context, std::string_view text, std::size_t byte_offset) {
  return byte_offset <= context.size() && context.substr(byte_offset).starts_with(text);
}

// Where `part` stands in `text`, from the left (Knuth, Morris and Pratt 1977): in linear time, whatever the texts.
std::vector<std::size_t> places_of(std::string_view part, std::string_view text) {
  std::vector<std::size_t> border(part.size() + 1);  // of each beginning: its longest one that it also ends with
  const auto shortened = [&](std::size_t matched, char next) {
    while (matched > 0 && (matched == part.size() || part[matched] != next)) matched = border[matched];
    return matched;
  };
  for (std::size_t i = 1; i < part.size(); ++i) {
    const std::size_t matched = shortened(border[i], part[i]);
    border[i + 1] = matched + (part[matched] == part[i] ? 1 : 0);
  }
  std::vector<std::size_t> places;
  for (std::size_t i = 0, matched = 0; i < text.size(); ++i) {
    matched = shortened(matched, text[i]);
    if (part[matched] == text[i]) ++matched;
    if (matched == part.size()) places.push_back(i + 1 - matched);
  }
  return places;
}

// Where the answer does stand, nearest to where it should, and what may have gone wrong.
std::string whereabouts(std::string_view context, const Answer& answer) {
  const std::int64_t start = answer.char_start;
  if (start >= 0) {
    const auto unit = static_cast<std::uint64_t>(start);
    if (stands_at(context, answer.text, unit)) {
      return fmt::format("it stands at {}: answer_start seems to count bytes",
                         count_code_points(context.substr(0, unit)));
    }
    if (const std::size_t byte = byte_of_utf16(context, unit);
        byte != kNowhere && stands_at(context, answer.text, byte)) {
      return fmt::format("it stands at {}: answer_start seems to count UTF-16 units",
                         count_code_points(context.substr(0, byte)));
    }
  }
  std::optional<std::int64_t> nearest;
  // Also of a start near either end of the integers.
  const auto distance = [&](std::int64_t at) { return std::abs(static_cast<double>(at) - static_cast<double>(start)); };
  const std::vector<std::size_t> places = places_of(answer.text, context);
  std::size_t counted_bytes = 0;
  std::int64_t num_chars = 0;
  for (const std::size_t at : places) {
    num_chars += static_cast<std::int64_t>(count_code_points(context.substr(counted_bytes, at - counted_bytes)));
    counted_bytes = at;
    if (!nearest || distance(num_chars) < distance(*nearest)) nearest = num_chars;
  }
  if (!nearest) return "the context does not contain it";
  return places.size() == 1 ? fmt::format("it stands at {}", *nearest)
                            : fmt::format("the nearest of its {} places is {}", places.size(), *nearest);
}

// For each question the first with its text and context.
std::vector<std::uint32_t> first_like(const std::vector<Question>& questions) {
  return first_equals(
      questions.size(),
      [&](std::uint32_t i) { return std::hash<std::string>{}(questions[i].text) * 31 + questions[i].context_idx; },
      [&](std::uint32_t i, std::uint32_t j) {
        return questions[i].context_idx == questions[j].context_idx && questions[i].text == questions[j].text;
      });
}

class Examiner {
 public:
  explicit Examiner(const Dataset& dataset) : dataset_(dataset), first_like_(first_like(dataset.questions)) {}

  std::vector<Finding> take_findings() { return std::move(findings_); }

  void context(std::size_t context_idx) {
    if (!lstrip(dataset_.contexts[context_idx]).empty()) return;
    add(Finding::Kind::kEmptyContext, "", fmt::format("context {} (counted from 1) is empty", context_idx + 1));
  }

  void question(std::uint32_t question_idx) {
    const Question& question = dataset_.questions[question_idx];
    if (lstrip(question.text).empty()) add(Finding::Kind::kEmptyQuestion, question.id, "the question is empty");
    if (const std::uint32_t first = first_like_[question_idx]; first != question_idx) {
      add(Finding::Kind::kDuplicateQuestion, question.id,
          fmt::format("the same question on the same context as '{}'",
                      printable(dataset_.questions[first].id, kShownBytes)));
    }
    if (question.is_impossible ? question.has_answer() : question.answers.empty()) {
      add(Finding::Kind::kContradiction, question.id,
          question.is_impossible ? "marked is_impossible but has answers: counts as answerable"
                                 : "no answers, yet is_impossible is not true: counts as unanswerable");
    }
    for (const Answer& answer : question.answers) this->answer(question, answer);
  }

 private:
  void answer(const Question& question, const Answer& answer) {
    if (answer.aligned) return;
    if (lstrip(answer.text).empty()) {
      add(Finding::Kind::kEmptyAnswer, question.id, fmt::format("the answer at {} is empty", answer.char_start));
      return;
    }
    add(Finding::Kind::kMisaligned, question.id,
        fmt::format("answer '{}' is not at {}; {}", printable(answer.text, kShownBytes), answer.char_start,
                    whereabouts(dataset_.contexts[question.context_idx], answer)));
  }

  void add(Finding::Kind kind, std::string_view question_id, std::string message) {
    findings_.push_back({kind, std::string(question_id), std::move(message)});
  }

  const Dataset& dataset_;
  std::vector<std::uint32_t> first_like_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> findings_of(const Dataset& dataset) {
  Examiner examiner(dataset);
  std::vector<bool> has_question(dataset.contexts.size());
  for (const Question& question : dataset.questions) has_question[question.context_idx] = true;
  for (std::size_t i = 0; i < dataset.contexts.size(); ++i) {
    if (has_question[i]) examiner.context(i);
  }
  for (std::uint32_t i = 0; i < dataset.questions.size(); ++i) examiner.question(i);
  return examiner.take_findings();
}

}  // namespace bertft::data
