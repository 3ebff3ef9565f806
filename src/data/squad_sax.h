#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bertft/data/dataset.h"

namespace bertft::data {

class BackgroundTokenizer;

/// What is read, for messages about files that are something else.
inline constexpr std::string_view kAcceptedForms =
    "Accepted: SQuAD JSON ({\"data\": [articles]}), rows with id, context, question and answers\n"
    "under \"data\" or in a list at the top, and JSON lines of such rows.";

/// Receives the events of nlohmann's SAX parser and appends articles and rows to a Dataset; hands
/// their texts on to be tokenized, if there is one who does that.
/// It knows the shape of the documents and nothing of where answers stand (dataset.cpp).
///
/// throws DataError "NAME: data[0].paragraphs[2].context: ..." at the first value that does
///        not fit; a syntax error ends the parse and is kept in syntax_error().
class SquadSax {
 public:
  // What a value stands for: the states of the reader.
  enum class Node {
    kTop,
    kDocument,
    kVersion,
    kElements,
    kElement,  // of "data" or of a list at the top: an article or a row
    kTitle,
    kParagraphs,
    kParagraph,
    kContext,
    kQas,
    kQa,
    kId,
    kQuestion,
    kIsImpossible,
    kAnswers,
    kAnswer,
    kText,
    kStart,
    kTexts,  // the answers as columns, as Hugging Face's datasets have them
    kStarts,
    kUnknown  // members that SQuAD does not have, plausible_answers among them
  };
  struct SyntaxError {
    std::size_t byte_offset = 0;
    std::string reason;
  };

  SquadSax(Dataset& dataset, std::string_view name, BackgroundTokenizer* tokenizing = nullptr)
      : dataset_(dataset), name_(name), tokenizing_(tokenizing) {}

  /// To be called before each line of JSON lines: its value is a row.
  void begin_line(std::size_t line);
  const SyntaxError& syntax_error() const { return syntax_error_; }

  // The interface nlohmann asks for; `false` ends the parse.
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  bool null();
  bool boolean(bool value);
  bool number_integer(number_integer_t value);
  bool number_unsigned(number_unsigned_t value);
  bool number_float(number_float_t value, const string_t& literal);
  bool string(string_t& value);
  bool binary(binary_t&) { return false; }  // no such thing in a text
  bool start_object(std::size_t);
  bool key(string_t& name);
  bool end_object();
  bool start_array(std::size_t);
  bool end_array();
  bool parse_error(std::size_t bytes_read, const std::string& token, const nlohmann::detail::exception& error);

 private:
  struct Frame {
    Node node;
    bool is_object;
    Node child;               // what the next value stands for
    std::uint64_t index = 0;  // of the next element of a list
    std::string key;          // of the next member of an object
    std::uint32_t seen = 0;   // one bit per Node
  };

  Node open(bool is_object);
  void close();
  void finish(const Frame& frame);
  void finish_element(const Frame& frame);
  void finish_question(bool answers_seen);
  void add_context();
  std::uint32_t context_index_of_row();
  void require(const Frame& frame, Node node);

  std::vector<Frame>::const_iterator element_of_open_form() const;
  bool may_be_of_article() const;

  Node next_node() const { return stack_.empty() ? top_ : stack_.back().child; }
  void value_done();
  std::string path() const;
  std::string message(std::string_view what) const;
  [[noreturn]] void fail(std::string_view what) const;
  void fail_if_row(std::string_view what);
  void fail_type(std::string_view found);

  Dataset& dataset_;
  std::string name_;
  BackgroundTokenizer* tokenizing_;
  Node top_ = Node::kTop;
  std::size_t line_ = 0;  // of JSON lines, else 0
  std::vector<Frame> stack_;
  SyntaxError syntax_error_;

  // What has been read of the article, paragraph or question in hand.
  std::string title_, context_;
  Question question_;
  std::optional<bool> is_impossible_;
  std::vector<std::string> answer_texts_;
  std::vector<std::int64_t> answer_starts_;
  std::string row_fault_;  // of the element, should it turn out to be a row

  std::optional<Dataset::Form> form_;
  std::unordered_set<std::string> titles_;
  std::unordered_map<std::size_t, std::uint32_t> context_by_hash_;  // of rows
};

}  // namespace bertft::data
