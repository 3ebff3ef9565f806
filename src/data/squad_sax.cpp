#include "data/squad_sax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"
#include "data/background_tokenizer.h"

namespace bertft::data {
namespace {

using Node = SquadSax::Node;

// SQuAD nests nine levels deep; the rest is room for members of others.
constexpr std::size_t kMaxDepth = 64;

// The members that are read. A row is an article's question with its context in one object.
struct Member {
  Node object;
  std::string_view key;
  Node value;
};
constexpr std::array kMembers{
    Member{Node::kDocument, "version", Node::kVersion},
    Member{Node::kDocument, "data", Node::kElements},
    Member{Node::kElement, "title", Node::kTitle},
    Member{Node::kElement, "paragraphs", Node::kParagraphs},
    Member{Node::kElement, "id", Node::kId},
    Member{Node::kElement, "context", Node::kContext},
    Member{Node::kElement, "question", Node::kQuestion},
    Member{Node::kElement, "answers", Node::kAnswers},
    Member{Node::kElement, "is_impossible", Node::kIsImpossible},
    Member{Node::kParagraph, "context", Node::kContext},
    Member{Node::kParagraph, "qas", Node::kQas},
    Member{Node::kQa, "id", Node::kId},
    Member{Node::kQa, "question", Node::kQuestion},
    Member{Node::kQa, "answers", Node::kAnswers},
    Member{Node::kQa, "is_impossible", Node::kIsImpossible},
    Member{Node::kAnswers, "text", Node::kTexts},
    Member{Node::kAnswers, "answer_start", Node::kStarts},
    Member{Node::kAnswer, "text", Node::kText},
    Member{Node::kAnswer, "answer_start", Node::kStart},
};

Node member(Node object, std::string_view key) {
  const auto found = std::find_if(kMembers.begin(), kMembers.end(),
                                  [&](const Member& m) { return m.object == object && m.key == key; });
  return found == kMembers.end() ? Node::kUnknown : found->value;
}

std::string_view key_of(Node object, Node value) {
  return std::find_if(kMembers.begin(), kMembers.end(),
                      [&](const Member& m) { return m.object == object && m.value == value; })
      ->key;
}

// What JSON a node may be besides a string or a number, and how messages describe it.
struct Shape {
  Node node;
  bool may_be_object;
  std::optional<Node> element;  // of a list; none when it may not be one
  std::string_view expected;
};
constexpr std::array kShapes{
    Shape{Node::kTop, true, Node::kElement, "SQuAD data"},
    Shape{Node::kVersion, false, {}, "a string or a number"},
    Shape{Node::kElements, false, Node::kElement, "a list of articles or rows"},
    Shape{Node::kElement, true, {}, "an article or a row (an object)"},
    Shape{Node::kTitle, false, {}, "a string, a whole number or null"},
    Shape{Node::kParagraphs, false, Node::kParagraph, "a list of paragraphs"},
    Shape{Node::kParagraph, true, {}, "a paragraph (an object with context and qas)"},
    Shape{Node::kContext, false, {}, "a string"},
    Shape{Node::kQas, false, Node::kQa, "a list of questions"},
    Shape{Node::kQa, true, {}, "a question (an object with id, question and answers)"},
    Shape{Node::kId, false, {}, "a string or a whole number"},
    Shape{Node::kQuestion, false, {}, "a string"},
    Shape{Node::kIsImpossible, false, {}, "true, false, 1, 0 or null"},
    Shape{Node::kAnswers, true, Node::kAnswer, "a list of answers, or an object with the lists text and answer_start"},
    Shape{Node::kAnswer, true, {}, "an answer (an object with text and answer_start)"},
    Shape{Node::kText, false, {}, "a string"},
    Shape{Node::kStart, false, {}, "a whole number below 2^63"},
    Shape{Node::kTexts, false, Node::kText, "a list of strings"},
    Shape{Node::kStarts, false, Node::kStart, "a list of whole numbers"},
    Shape{Node::kUnknown, true, Node::kUnknown, "anything"},
};

const Shape& shape_of(Node node) {
  return *std::find_if(kShapes.begin(), kShapes.end(), [&](const Shape& shape) { return shape.node == node; });
}

std::uint32_t bit(Node node) {
  return std::uint32_t{1} << static_cast<unsigned>(node);
}

// Members of a row; what an article has under the same names is not read.
bool is_of_rows_alone(Node member_of_element) {
  constexpr std::array kNodes{Node::kId, Node::kQuestion, Node::kAnswers, Node::kIsImpossible};
  return std::ranges::find(kNodes, member_of_element) != kNodes.end();
}

}  // namespace

void SquadSax::begin_line(std::size_t line) {
  line_ = line;
  top_ = Node::kElement;
}

bool SquadSax::null() {
  const Node node = next_node();
  switch (node) {
    case Node::kVersion:
    case Node::kTitle:
    case Node::kUnknown:
      break;
    case Node::kIsImpossible:
    case Node::kAnswers:  // as rows say of a test set, or of a column that some rows lack
      stack_.back().seen &= ~bit(node);
      break;
    default:
      fail_type("null");
  }
  value_done();
  return true;
}

bool SquadSax::boolean(bool value) {
  const Node node = next_node();
  if (node == Node::kIsImpossible) {
    is_impossible_ = value;
  } else if (node != Node::kUnknown) {
    fail_type(value ? "true" : "false");
  }
  value_done();
  return true;
}

bool SquadSax::number_integer(number_integer_t value) {
  const Node node = next_node();
  if (node == Node::kStart) {  // below 0 it is a place outside of the context, as one beyond its end
    answer_starts_.push_back(value);
  } else if (node == Node::kId) {
    question_.id = std::to_string(value);
  } else if (node == Node::kVersion) {
    dataset_.version = std::to_string(value);
  } else if (node == Node::kTitle) {
    title_ = std::to_string(value);
  } else if (node == Node::kIsImpossible && (value == 0 || value == 1)) {
    is_impossible_ = value == 1;
  } else if (node != Node::kUnknown) {
    fail_type(std::to_string(value));
  }
  value_done();
  return true;
}

bool SquadSax::number_unsigned(number_unsigned_t value) {
  if (value <= static_cast<number_unsigned_t>(std::numeric_limits<number_integer_t>::max())) {
    return number_integer(static_cast<number_integer_t>(value));
  }
  const Node node = next_node();
  if (node == Node::kId) {
    question_.id = std::to_string(value);
  } else if (node != Node::kUnknown) {
    fail_type(std::to_string(value));
  }
  value_done();
  return true;
}

bool SquadSax::number_float(number_float_t, const string_t& literal) {
  const Node node = next_node();
  if (node == Node::kVersion) {
    dataset_.version = literal;
  } else if (node != Node::kUnknown) {
    fail_type(printable(literal, 40));
  }
  value_done();
  return true;
}

// Copies rather than moves: the parser's buffer has room for the longest string so far.
bool SquadSax::string(string_t& value) {
  switch (next_node()) {
    case Node::kVersion:
      dataset_.version = value;
      break;
    case Node::kTitle:
      title_ = value;
      break;
    case Node::kContext:
      if (value.size() > std::numeric_limits<std::uint32_t>::max()) fail("longer than 4 GiB");
      context_ = value;
      break;
    case Node::kId:
      if (value.empty()) fail_if_row("an empty id");
      question_.id = value;
      break;
    case Node::kQuestion:
      question_.text = value;
      break;
    case Node::kText:
      answer_texts_.push_back(value);
      break;
    case Node::kUnknown:
      break;
    default:
      fail_type("a string");
  }
  value_done();
  return true;
}

bool SquadSax::start_object(std::size_t) {
  const Node node = open(true);
  if (node == Node::kElement || node == Node::kQa) {
    question_ = {};
    is_impossible_.reset();
    answer_texts_.clear();
    answer_starts_.clear();
  }
  if (node == Node::kElement) {
    title_.clear();
    row_fault_.clear();
  }
  return true;
}

bool SquadSax::start_array(std::size_t) {
  open(false);
  return true;
}

bool SquadSax::key(string_t& name) {
  Frame& frame = stack_.back();
  frame.child = member(frame.node, name);
  frame.key = name;
  const bool is_article =
      frame.node == Node::kElement && (form_ == Dataset::Form::kNested || (frame.seen & bit(Node::kParagraphs)) != 0);
  if (is_article && is_of_rows_alone(frame.child)) frame.child = Node::kUnknown;
  if (frame.child == Node::kParagraphs) question_ = {};  // the id was an article's
  if (frame.child == Node::kUnknown) return true;
  if (frame.seen & bit(frame.child)) fail_if_row("stands twice in its object");
  frame.seen |= bit(frame.child);
  return true;
}

bool SquadSax::end_object() {
  close();
  return true;
}

bool SquadSax::end_array() {
  close();
  return true;
}

bool SquadSax::parse_error(std::size_t bytes_read, const std::string&, const nlohmann::detail::exception& error) {
  syntax_error_ = {bytes_read == 0 ? 0 : bytes_read - 1, syntax_fault(error)};
  return false;
}

Node SquadSax::open(bool is_object) {
  Node node = next_node();
  const Shape& shape = shape_of(node);
  if (is_object ? !shape.may_be_object : !shape.element) {
    fail_type(is_object ? "an object" : "a list");
    node = Node::kUnknown;
  }
  if (stack_.size() == kMaxDepth) fail(fmt::format("nested deeper than {} levels", kMaxDepth));
  if (node == Node::kTop) node = is_object ? Node::kDocument : Node::kElements;
  const Node child = is_object ? Node::kUnknown : shape_of(node).element.value();
  stack_.push_back({.node = node, .is_object = is_object, .child = child, .key = {}});
  return node;
}

void SquadSax::close() {
  const Frame frame = std::move(stack_.back());
  stack_.pop_back();
  finish(frame);
  value_done();
}

void SquadSax::finish(const Frame& frame) {
  if (!frame.is_object) return;
  switch (frame.node) {
    case Node::kDocument:
      if (!(frame.seen & bit(Node::kElements))) fail(fmt::format("no member 'data' at the top.\n{}", kAcceptedForms));
      break;
    case Node::kElement:
      finish_element(frame);
      break;
    case Node::kParagraph:
      require(frame, Node::kContext);
      require(frame, Node::kQas);
      add_context();
      break;
    case Node::kQa:
      require(frame, Node::kId);
      require(frame, Node::kQuestion);
      question_.context_idx = static_cast<std::uint32_t>(dataset_.contexts.size());
      finish_question(frame.seen & bit(Node::kAnswers));
      break;
    case Node::kAnswer:
      require(frame, Node::kText);
      require(frame, Node::kStart);
      break;
    case Node::kAnswers:
      require(frame, Node::kTexts);
      require(frame, Node::kStarts);
      if (answer_texts_.size() != answer_starts_.size()) {
        fail_if_row(fmt::format("{} texts but {} answer_starts", answer_texts_.size(), answer_starts_.size()));
      }
      break;
    default:
      break;
  }
}

void SquadSax::finish_element(const Frame& frame) {
  const bool is_article = frame.seen & bit(Node::kParagraphs);
  if (!is_article && !row_fault_.empty()) throw DataError(row_fault_);
  for (const Node node : {Node::kContext, Node::kQuestion}) {
    if (is_article || (frame.seen & bit(node)) != 0) continue;
    question_ = {};  // the id need not be one's
    fail(fmt::format("neither an article (no 'paragraphs') nor a row (no '{}')\n{}", key_of(Node::kElement, node),
                     kAcceptedForms));
  }
  if (is_article && frame.seen & bit(Node::kContext)) fail("both 'paragraphs' and 'context'; expected one of them");
  const Dataset::Form form = is_article  ? Dataset::Form::kNested
                             : line_ > 0 ? Dataset::Form::kLines
                                         : Dataset::Form::kFlat;
  if (form_.value_or(form) != form) fail("articles and rows in one file; expected one or the other");
  form_ = dataset_.form = form;
  if (is_article) {
    ++dataset_.num_articles;
    return;
  }
  require(frame, Node::kId);
  if (frame.seen & bit(Node::kTitle) && titles_.insert(title_).second) ++dataset_.num_articles;
  question_.context_idx = context_index_of_row();
  finish_question(frame.seen & bit(Node::kAnswers));
}

void SquadSax::finish_question(bool answers_seen) {
  for (std::size_t i = 0; i < answer_texts_.size(); ++i) {
    question_.answers.push_back({.text = std::move(answer_texts_[i]), .char_start = answer_starts_[i]});
  }
  const bool has_answer = question_.has_answer();
  question_.is_impossible = is_impossible_.value_or(answers_seen && !has_answer);
  // A question without the member `answers`, as of a test set, says nothing; nor does a blank answer beside an
  // is_impossible that is false.
  const bool is_unanswerable = question_.is_impossible ? !has_answer : answers_seen && question_.answers.empty();
  if (is_unanswerable) dataset_.has_unanswerable = true;
  if (tokenizing_ != nullptr) tokenizing_->add_question(question_.text);
  dataset_.questions.push_back(std::exchange(question_, {}));
}

void SquadSax::add_context() {
  if (tokenizing_ != nullptr) tokenizing_->add_context(context_);
  dataset_.contexts.push_back(context_);
}

// Rows repeat their context. Two texts with one hash, rare as they are, only cost the
// second one its sharing.
std::uint32_t SquadSax::context_index_of_row() {
  const auto next = static_cast<std::uint32_t>(dataset_.contexts.size());
  const std::uint32_t known = context_by_hash_.try_emplace(std::hash<std::string>{}(context_), next).first->second;
  if (known < next && dataset_.contexts[known] == context_) return known;
  add_context();
  return next;
}

void SquadSax::require(const Frame& frame, Node node) {
  if (!(frame.seen & bit(node))) fail_if_row(fmt::format("no member '{}'", key_of(frame.node, node)));
}

// The frame of the element that is being read, if it may still turn out to be an article or a row; else the end.
std::vector<SquadSax::Frame>::const_iterator SquadSax::element_of_open_form() const {
  const auto element = std::ranges::find(stack_, Node::kElement, &Frame::node);
  const bool is_open =
      element != stack_.end() && !form_ && !(element->seen & (bit(Node::kParagraphs) | bit(Node::kContext)));
  return is_open ? element : stack_.end();
}

// Whether what is being read does not count if the element turns out to be an article.
bool SquadSax::may_be_of_article() const {
  const auto element = element_of_open_form();
  return element != stack_.end() && is_of_rows_alone(element->child);
}

void SquadSax::value_done() {
  if (!stack_.empty() && !stack_.back().is_object) ++stack_.back().index;
}

std::string SquadSax::path() const {
  std::string path;
  for (const Frame& frame : stack_) {
    if (!frame.is_object) {
      path += fmt::format("[{}]", frame.index);
    } else {
      path += fmt::format("{}{}", path.empty() ? "" : ".", printable(frame.key, 40));
    }
  }
  return path;
}

std::string SquadSax::message(std::string_view what) const {
  std::string message = printable(name_) + ": ";
  if (line_ > 0) message += fmt::format("line {}: ", line_);
  if (const std::string where = path(); !where.empty()) message += where + ": ";
  const std::string_view fact = first_line(what);
  message += fact;
  const bool is_question = element_of_open_form() == stack_.end() || may_be_of_article();
  if (is_question && !question_.id.empty()) message += fmt::format(" (question '{}')", printable(question_.id, 60));
  return message.append(what.substr(fact.size()));
}

void SquadSax::fail(std::string_view what) const {
  throw DataError(message(what));
}

// Where the element may be an article, the fault is kept until that is known, and what is left of the member ignored.
void SquadSax::fail_if_row(std::string_view what) {
  if (!may_be_of_article()) fail(what);
  if (row_fault_.empty()) row_fault_ = message(what);
  const auto depth = element_of_open_form() - stack_.begin() + 1;
  std::for_each(stack_.begin() + depth, stack_.end(), [](Frame& frame) { frame.node = frame.child = Node::kUnknown; });
}

void SquadSax::fail_type(std::string_view found) {
  const Node node = next_node();
  if (node == Node::kTop) {
    throw DataError(fmt::format("{}: no SQuAD data but {}.\n{}", printable(name_), found, kAcceptedForms));
  }
  fail_if_row(fmt::format("expected {}, found {}", shape_of(node).expected, found));
}

}  // namespace bertft::data
