#include "config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "bertft/util/byte_order_mark.h"
#include "bertft/util/foreign_file.h"
#include "bertft/util/text.h"

namespace bertft::config {
namespace {

constexpr std::string_view kForm = "expected lines of the form 'key: value'";
constexpr const char* kDoesNotFit =
    "this line does not fit the map above; every key begins in the same column, with ': ' behind it";
constexpr const char* kOpenQuote = "the closing quote of this text is missing";
constexpr const char* kNoReferences = "anchors and aliases (& and *) are not supported";
constexpr const char* kWriteOut = "; write the value out, or put a text that begins so in quotes";

// A text where a key and its value should stand.
void refuse_text(Problems& problems, const Place& place, std::string_view text) {
  if (text.starts_with('\t')) {
    problems.add(place, "a tab cannot begin a line; every key begins in the first column");
    return;
  }
  problems.add(place, fmt::format("{}, found '{}'", kForm, printable(text, 60)),
               text.find(':') == text.npos ? "" : "; a space must follow the ':'");
}

bool is_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != text.npos && text[first] == '{';
}

// The number of "\uXXXX".
std::optional<unsigned> escaped_unit(std::string_view text) {
  unsigned unit = 0;
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  return error == std::errc() && end == text.data() + 6 ? std::optional(unit) : std::nullopt;
}

// JSON has two escapes, \ud83d\ude00, for a character beyond U+FFFF. YAML knows no halves of characters.
std::string with_whole_characters(std::string_view json) {
  std::string out;
  for (std::size_t pos = 0; pos < json.size();) {
    const auto high = escaped_unit(json.substr(pos)), low = escaped_unit(json.substr(std::min(pos + 6, json.size())));
    if (high && low && *high >> 10 == 0xD800 >> 10 && *low >> 10 == 0xDC00 >> 10) {
      append_utf8(out, 0x10000 + ((*high & 0x3FF) << 10) + (*low & 0x3FF));
      pos += 12;
    } else {
      const std::size_t size = json[pos] == '\\' ? 2 : 1;  // what follows a backslash begins no escape
      out += json.substr(pos, size);
      pos += size;
    }
  }
  return out;
}

/// Byte offsets to places, and back to the text that stands there.
class Lines {
 public:
  Lines(std::string_view text, std::string_view name, std::size_t source) : text_(text), name_(name), source_(source) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '\n') starts_.push_back(i + 1);
    }
  }

  std::string_view text() const { return text_; }

  Place at(std::size_t byte_offset) const {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), byte_offset);
    const std::size_t start = *std::prev(next);
    // Events come in order: counting on from the last one keeps a file of one line linear.
    if (counted_to_ < start || counted_to_ > byte_offset) {
      counted_to_ = start;
      num_counted_ = 0;
    }
    const std::string_view piece = text_.substr(counted_to_, byte_offset - counted_to_);
    num_counted_ += count_code_points(piece.substr(0, find_invalid_utf8(piece).value_or(piece.size())));
    counted_to_ = byte_offset;
    return {.source = source_,
            .origin = std::string(name_),
            .line = static_cast<std::size_t>(next - starts_.begin()),
            .column = num_counted_ + 1};
  }

  /// yaml-cpp counts columns in bytes; it marks some errors with no place at all.
  std::size_t offset(const YAML::Mark& mark) const {
    if (mark.is_null() || static_cast<std::size_t>(mark.line) >= starts_.size()) return 0;
    return std::min(starts_[mark.line] + mark.column, text_.size());
  }
  Place at(const YAML::Mark& mark) const { return at(offset(mark)); }

  /// The line of `mark`, or the next above it that says something, if it begins like a key and is none: yaml-cpp takes
  /// it for a part of what stands around it, and stumbles behind it. Also the line of `mark` if it begins with a tab.
  std::optional<int> line_without_key(const YAML::Mark& mark) const {
    for (int number = std::min(mark.line, static_cast<int>(starts_.size()) - 1); number >= 0; --number) {
      const std::string_view line = text_of(number);
      if (number == mark.line && line.starts_with('\t')) return number;
      const std::size_t first = line.find_first_not_of(" \t");
      if (first == line.npos || line[first] == '#') continue;
      const bool is_plain = line.find_first_of("\"'[]{}") == line.npos;  // no piece of a longer value
      const bool begins_like_key = std::isalnum(static_cast<unsigned char>(line[0])) || line[0] == '_';
      if (begins_like_key && is_plain && !has_key(line)) return number;
      if (number < mark.line) break;
    }
    return std::nullopt;
  }

  Place at_line(int number) const { return at(starts_[number]); }

  /// A line without its comment.
  std::string_view text_of(int number) const {
    std::string_view line = text_.substr(starts_[number]);
    line = line.substr(0, line.find('\n'));
    line = line.substr(0, line.find(" #"));
    return line.substr(0, line.find_last_not_of(" \t\r") + 1);
  }

  /// yaml-cpp lets a text without its closing quote end with the file.
  bool quote_is_open(const YAML::Mark& mark) const {
    const std::string_view rest = text_.substr(offset(mark));
    if (rest.empty() || (rest.front() != '"' && rest.front() != '\'')) return false;
    const char quote = rest.front();
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] == '\\' && quote == '"') {
        ++i;
      } else if (rest[i] == quote) {
        if (quote == '"' || i + 1 == rest.size() || rest[i + 1] != quote) return false;
        ++i;  // '' stands for one quote
      }
    }
    return true;
  }

  /// yaml-cpp has one event for `key:` and for `key: null`.
  bool null_is_written(const YAML::Mark& mark) const {
    const std::string_view rest = text_.substr(offset(mark));
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t\r\n,}#"));
    return word == "~" || word == "null" || word == "Null" || word == "NULL";
  }

 private:
  static bool has_key(std::string_view line) {
    return line.ends_with(':') || line.find(": ") != line.npos || line.find(":\t") != line.npos;
  }

  std::string_view text_, name_;
  std::size_t source_;
  std::vector<std::size_t> starts_;
  mutable std::size_t counted_to_ = 0;   // byte offset on the current line
  mutable std::size_t num_counted_ = 0;  // code points from the line's start to there
};

class FlatMapReader : public YAML::EventHandler {
 public:
  FlatMapReader(const Lines& lines, Problems& problems) : lines_(lines), problems_(problems) {}

  std::vector<Assignment> take() { return std::move(assignments_); }
  std::size_t num_documents() const { return num_documents_; }

  /// Of a file that is valid YAML, once all of it was read.
  void check_root() const {
    if (num_documents_ == 0) problems_.add(lines_.at(0), fmt::format("{}, found nothing", kForm));
    if (!wrong_root_) return;
    const auto& [place, scalar] = *wrong_root_;
    if (scalar.form == Scalar::Form::kList) {
      problems_.add(place, fmt::format("{}, found a list", kForm));
    } else if (is_null(scalar)) {
      problems_.add(place, fmt::format("{}, found nothing", kForm));
    } else {
      refuse_text(problems_, place, scalar.text);
    }
  }

  /// Of a file that is not valid YAML: the last value may hold what belongs behind it, and is not worth a complaint.
  void forget_last_value() {
    if (!key_ && last_is_taken_) assignments_.pop_back();
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    last_is_taken_ = false;
    if (++num_documents_ != 2 || !root_is_map_) return;
    if (lines_.text_of(mark.line).starts_with("---")) {
      problems_.add(lines_.at(mark), "a second document starts here", "; a configuration file holds one");
    } else {  // to yaml-cpp that is one, too
      problems_.add(lines_.at(mark), kDoesNotFit);
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    const bool is_written = lines_.null_is_written(mark);
    // Of `key:` alone the mark is where the next word stands.
    node(!is_written && key_ ? key_->place : lines_.at(mark), {.text = is_written ? "null" : ""});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse_reference(mark);
    skip_node();  // an alias stands in a node's place; an anchor only announces one
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse_reference(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    refuse_tag(mark, tag);
    if (tag == "!" && lines_.quote_is_open(mark)) {
      problems_.add(lines_.at(mark), kOpenQuote);
      return skip_node();
    }
    node(lines_.at(mark), {.text = value, .form = tag == "!" ? Scalar::Form::kQuoted : Scalar::Form::kPlain});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    node(lines_.at(mark), {.text = "", .form = Scalar::Form::kList, .is_empty = true});
    ++depth_;
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    if (depth_ == 0) {
      root_is_map_ = true;
    } else {
      node(lines_.at(mark), {.text = "", .form = Scalar::Form::kMap, .is_empty = true});
    }
    ++depth_;
  }
  void OnMapEnd() override { --depth_; }

 private:
  struct Key {
    std::string text;
    Place place;
    bool is_usable;
    bool is_name = true;  // else that is said when its value comes: a syntax error may come before
  };

  void refuse_reference(const YAML::Mark& mark) { problems_.add(lines_.at(mark), kNoReferences, kWriteOut); }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag == "?" || tag == "!" || tag.empty()) return;
    problems_.add(lines_.at(mark), "tags (!) are not supported", "; the key decides how its value is read");
  }

  bool is_entry() const { return root_is_map_ && depth_ == 1 && num_documents_ == 1; }

  void node(const Place& place, Scalar scalar) {
    if (depth_ == 0) {
      root_is_map_ = false;
      if (num_documents_ == 1) wrong_root_ = {place, scalar};
    } else if (is_entry() && !key_) {
      take_key(place, scalar);
    } else if (is_entry()) {
      refuse_key_without_name();
      last_is_taken_ = key_->is_usable;
      if (key_->is_usable) assignments_.push_back({key_->text, std::move(scalar), key_->place, place});
      key_.reset();
    } else if (depth_ == 2 && !assignments_.empty()) {
      assignments_.back().value.is_empty = false;  // what it holds is looked at no further
    }
  }

  void skip_node() {
    if (!is_entry()) return;
    last_is_taken_ = false;
    if (key_) {
      refuse_key_without_name();
      key_.reset();
    } else {
      key_ = Key{.text = "", .place = {}, .is_usable = false};
    }
  }

  void refuse_key_without_name() {
    if (!key_->is_name) problems_.add(key_->place, "expected the name of an option before the ':'");
  }

  void take_key(const Place& place, const Scalar& scalar) {
    key_ = Key{.text = scalar.text, .place = place, .is_usable = false};
    const bool is_word = scalar.form == Scalar::Form::kPlain || scalar.form == Scalar::Form::kQuoted;
    key_->is_name = is_word && !is_null(scalar);
    if (!key_->is_name) return;
    const auto [first, is_new] = first_seen_.try_emplace(scalar.text, place.line);
    key_->is_usable = is_new;
    if (!is_new) {
      problems_.add(place, fmt::format("duplicate key '{}' (first on line {})", printable(scalar.text), first->second),
                    "; keep one");
    }
  }

  const Lines& lines_;
  Problems& problems_;
  std::vector<Assignment> assignments_;
  std::map<std::string, std::size_t> first_seen_;  // key -> line
  std::optional<Key> key_;                         // read, its value still to come
  std::optional<std::pair<Place, Scalar>> wrong_root_;
  std::size_t num_documents_ = 0;
  std::size_t depth_ = 0;
  bool root_is_map_ = false;
  bool last_is_taken_ = false;  // the value read last is that of the last assignment
};

/// What yaml-cpp's messages mean in a flat file.
std::string explain(const std::string& message) {
  if (message == YAML::ErrorMsg::MAP_VALUE) {
    return "a ':' cannot stand here; put a text that holds ': ' in quotes, and begin every key in the same column";
  }
  if (message == YAML::ErrorMsg::END_OF_MAP) return kDoesNotFit;
  if (message == YAML::ErrorMsg::UNKNOWN_TOKEN) return "no text begins so; put it in quotes";
  // From 0.8 on the anchor's name follows.
  if (message.starts_with(YAML::ErrorMsg::UNKNOWN_ANCHOR)) return kNoReferences + std::string(kWriteOut);
  if (message == YAML::ErrorMsg::EOF_IN_SCALAR) return kOpenQuote;
  if (message == YAML::ErrorMsg::END_OF_SEQ_FLOW) return "a ',' or the closing ']' of a list is missing";
  if (message == YAML::ErrorMsg::END_OF_MAP_FLOW) return "a ',' or the closing '}' of a map is missing";
  if (message.starts_with(YAML::ErrorMsg::INVALID_UNICODE)) {
    return "no character, such as half of one beyond U+FFFF in JSON's form (\\ud83d\\ude00); write the character "
           "itself";
  }
  if (message == YAML::ErrorMsg::BAD_FILE) return "nested too deeply";
  return "not valid YAML: " + printable(message);
}

}  // namespace

std::vector<Assignment> read_yaml(std::string_view file, std::string_view name, std::size_t source,
                                  Problems& problems) {
  if (file.starts_with(kByteOrderMark)) file.remove_prefix(kByteOrderMark.size());
  const std::string json = is_json(file) ? with_whole_characters(file) : "";
  const std::string_view text = json.empty() ? file : json;
  const Lines lines(text, name, source);
  if (const auto foreign = recognise_foreign_file(text)) {
    problems.add(lines.at(0), fmt::format("the file is {}; {}", foreign->what, foreign->advice));
    return {};
  }
  if (const auto offset = find_invalid_utf8(lines.text())) {
    problems.add(lines.at(*offset), "not UTF-8 text");
    return {};
  }
  if (const std::size_t offset = lines.text().find('\0'); offset != std::string_view::npos) {
    problems.add(lines.at(offset), "a NUL byte; this is not a text file");
    return {};
  }
  FlatMapReader reader(lines, problems);
  std::istringstream stream{std::string(lines.text())};
  try {
    YAML::Parser parser(stream);
    while (reader.num_documents() < 2 && parser.HandleNextDocument(reader)) {
    }
    reader.check_root();
  } catch (const YAML::Exception& error) {
    reader.forget_last_value();
    if (const auto number = json.empty() ? lines.line_without_key(error.mark) : std::nullopt) {
      refuse_text(problems, lines.at_line(*number), lines.text_of(*number));
    } else {
      problems.add(lines.at(error.mark), explain(error.msg));
    }
  }
  return reader.take();
}

}  // namespace bertft::config
