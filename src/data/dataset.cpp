#include "bertft/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "bertft/data/tokens.h"
#include "bertft/util/byte_order_mark.h"
#include "bertft/util/code_point_index.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "data/background_tokenizer.h"
#include "data/first_equals.h"
#include "data/squad_sax.h"
#include "data/syntax_error.h"
#include "data/white_space.h"

namespace bertft::data {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// Looks at the first object's own keys until one tells a document from a row.
class FormDetector : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool is_row() const { return is_row_; }

  bool null() override { return depth_ > 0; }
  bool boolean(bool) override { return depth_ > 0; }
  bool number_integer(number_integer_t) override { return depth_ > 0; }
  bool number_unsigned(number_unsigned_t) override { return depth_ > 0; }
  bool number_float(number_float_t, const string_t&) override { return depth_ > 0; }
  bool string(string_t&) override { return depth_ > 0; }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return ++depth_ > 0; }
  bool end_object() override { return --depth_ > 0; }
  bool start_array(std::size_t) override { return depth_++ > 0; }
  bool end_array() override { return --depth_ > 0; }
  bool key(string_t& name) override {
    is_row_ = depth_ == 1 && (name == "context" || name == "question");
    return !is_row_ && !(depth_ == 1 && name == "data");
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  std::size_t depth_ = 0;
  bool is_row_ = false;
};

struct Source {
  std::string_view text;
  std::string_view name;
};

void parse(const Source& source, std::size_t begin, std::size_t end, SquadSax& sax) {
  const std::string_view piece = source.text.substr(begin, end - begin);
  if (nlohmann::json::sax_parse(piece.begin(), piece.end(), &sax)) return;
  const std::size_t at = begin + std::min(sax.syntax_error().byte_offset, piece.size());
  const bool ends_early = at == end && end < source.text.size();
  fail_syntax(source.text, at, source.name,
              sax.syntax_error().reason + (ends_early ? "; a row of JSON lines stands on one line" : ""));
}

void parse_lines(const Source& source, std::size_t begin, SquadSax& sax) {
  for (std::size_t line = 1; begin < source.text.size(); ++line) {
    const std::size_t end = std::min(source.text.find('\n', begin), source.text.size());
    if (source.text.substr(begin, end - begin).find_first_not_of(kBlanks) != std::string_view::npos) {
      sax.begin_line(line);
      parse(source, begin, end, sax);
    }
    begin = end + 1;
  }
}

void refuse_duplicate_ids(const std::vector<Question>& questions, std::string_view name) {
  const std::vector<std::uint32_t> first = first_equals(
      questions.size(), [&](std::uint32_t i) { return std::hash<std::string>{}(questions[i].id); },
      [&](std::uint32_t i, std::uint32_t j) { return questions[i].id == questions[j].id; });
  std::vector<std::uint32_t> repeated;
  for (std::uint32_t i = 0; i < first.size(); ++i) {
    if (first[i] != i) repeated.push_back(i);
  }
  if (repeated.empty()) return;
  const std::uint32_t i = repeated.front();
  const std::string more =
      repeated.size() == 1 ? ""
                           : fmt::format("; {} repeat an earlier one's in all", counted(repeated.size(), "question"));
  throw DataError(
      fmt::format("{}: questions {} and {} (counted from 1) have the same id '{}'{}.\n"
                  "Predictions are kept by id: give every question its own.",
                  printable(name), first[i] + 1, i + 1, printable(questions[i].id, 60), more));
}

// Compares every answer with its context.
void set_aligned(Dataset& dataset) {
  std::optional<std::uint32_t> indexed_context;
  CodePointIndex index{""};  // of that context
  for (Question& question : dataset.questions) {
    const std::string_view context = dataset.contexts[question.context_idx];
    for (Answer& answer : question.answers) {
      if (indexed_context != question.context_idx) {
        index = CodePointIndex(context);
        indexed_context = question.context_idx;
      }
      const auto start = static_cast<std::uint64_t>(answer.char_start);
      answer.aligned = answer.char_start >= 0 && context.substr(index.byte_offset(start)).starts_with(answer.text) &&
                       !lstrip(answer.text).empty();
    }
  }
}

Dataset read(std::string_view text, std::string_view name, BackgroundTokenizer* tokenizing) {
  const Source source{text, name};
  const std::size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  if (text.find_first_not_of(kBlanks, begin) == std::string_view::npos) {
    throw DataError(fmt::format("{}: the file is empty.\n{}", printable(name), kAcceptedForms));
  }
  // nlohmann's parser takes a NUL for the end of the text.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail_syntax(text, nul, name, "a NUL byte");

  auto sha256 = std::async([text] { return sha256_hex(text); });
  Dataset dataset;
  dataset.name = name;
  SquadSax sax(dataset, name, tokenizing);
  FormDetector detector;
  nlohmann::json::sax_parse(text.begin() + begin, text.end(), &detector);
  if (detector.is_row()) {
    parse_lines(source, begin, sax);
  } else {
    parse(source, begin, text.size(), sax);
  }
  if (dataset.questions.empty()) throw DataError(fmt::format("{}: no questions in it.", printable(name)));
  auto ids = std::async([&] { refuse_duplicate_ids(dataset.questions, name); });
  set_aligned(dataset);
  ids.get();
  dataset.sha256 = sha256.get();
  return dataset;
}

}  // namespace

bool Question::has_answer() const {
  return std::ranges::any_of(answers, [](const Answer& answer) { return !lstrip(answer.text).empty(); });
}

std::size_t Dataset::num_answerable() const {
  return static_cast<std::size_t>(std::ranges::count_if(questions, &Question::has_answer));
}

void Dataset::keep_first(std::optional<std::int64_t> max_questions) {
  if (max_questions && *max_questions < std::ssize(questions)) {
    questions.resize(static_cast<std::size_t>(*max_questions));
  }
}

Dataset read_dataset_from(std::string_view text, std::string_view name) {
  return read(text, name, nullptr);
}

Dataset read_dataset(const std::string& path) {
  const MappedFile file(path);
  return read_dataset_from(file.text(), path);
}

TokenizedDataset read_and_tokenize(const std::string& path, const tokenizer::Tokenizer& tokenizer,
                                   std::optional<std::int64_t> max_questions) {
  const MappedFile file(path);
  BackgroundTokenizer tokenizing(tokenizer, max_questions);
  Dataset dataset = read(file.text(), path, &tokenizing);
  dataset.keep_first(max_questions);
  return {std::move(dataset), tokenizing.finish()};
}

}  // namespace bertft::data
