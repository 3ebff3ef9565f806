#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bertft::data {

/// A gold answer: `text` is what the file says, `char_start` counts code points of the context.
struct Answer {
  std::string text;
  std::int64_t char_start = 0;
  bool aligned = true;  // context[char_start : char_start + len(text)] == text, which is more than white space
};

struct Question {
  std::string id;
  std::string text;
  std::uint32_t context_idx = 0;
  bool is_impossible = false;  // as marked, else whether the list of answers has none; only the answers count
  std::vector<Answer> answers;

  /// Whether some answer is more than white space.
  bool has_answer() const;
};

/// A whole data file, questions in file order. The nested form gives one context per
/// paragraph, the others each different text once.
struct Dataset {
  enum class Form { kNested, kFlat, kLines };

  Form form = Form::kNested;
  std::string name;                // the file's path as given, for messages
  std::string version;             // the file's own "version", may be empty
  std::uint32_t num_articles = 0;  // of the flat forms: different titles
  std::vector<std::string> contexts;
  std::vector<Question> questions;
  std::string sha256;             // of the file's bytes
  bool has_unanswerable = false;  // of some question the file says that it has no answer: SQuAD 2.0 rules apply

  std::size_t num_answerable() const;
  /// Leaves out all questions but the first so many.
  void keep_first(std::optional<std::int64_t> max_questions);
};

/// Reads a SQuAD file: the official nested JSON (v1.1 and v2.0), Hugging Face's flat form
/// ({"data": [rows]} or a list of rows) or JSON lines of such rows; recognised by content.
/// Integer ids are read as their text. Streams (SAX): memory stays below eight times the file.
///
/// throws InputError when the file cannot be read; DataError, with line and column or the
///        path in the document, when it is not such a file, an id occurs twice, a text is
///        not UTF-8, or nothing usable is in it. Misaligned answers are no errors.
Dataset read_dataset(const std::string& path);

/// The same of a file's bytes; `name` stands for the file in messages.
Dataset read_dataset_from(std::string_view text, std::string_view name);

}  // namespace bertft::data
