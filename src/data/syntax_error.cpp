#include "data/syntax_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"

namespace bertft::data {
namespace {

struct Hint {
  std::string_view begins;
  std::string_view text;
};

std::string_view first_hint(std::string_view bytes, const auto& hints) {
  const auto found =
      std::find_if(hints.begin(), hints.end(), [&](const Hint& hint) { return bytes.starts_with(hint.begins); });
  return found == hints.end() ? std::string_view{} : found->text;
}

constexpr std::array kOfFile{
    Hint{"\x1f\x8b", "The file is compressed with gzip: unpack it first."},
    Hint{"PK\x03\x04", "The file is a zip archive: unpack it first."},
    Hint{"\xff\xfe", "The file is UTF-16: save it as UTF-8."},
    Hint{"\xfe\xff", "The file is UTF-16: save it as UTF-8."},
    Hint{"<", "The file is a web page or XML: download the data itself."},
    Hint{"version https://git-lfs", "The file is a Git LFS pointer: fetch its content with git lfs pull."},
};

constexpr std::string_view kPythonRepr = "This looks like a Python repr: write the file with json.dump.";
constexpr std::array kOfToken{
    Hint{"'", kPythonRepr},
    Hint{"None", kPythonRepr},
    Hint{"True", kPythonRepr},
    Hint{"False", kPythonRepr},
    Hint{"NaN", "JSON has no NaN."},
    Hint{"Infinity", "JSON has no infinity."},
    Hint{"-Infinity", "JSON has no infinity."},
    Hint{"/", "JSON has no comments."},
    Hint{"#", "JSON has no comments."},
    Hint{"{", "Several documents in one file are read as JSON lines only: one row on each line."},
    Hint{"}", "Look for a comma before the bracket, or a bracket too many."},
    Hint{"]", "Look for a comma before the bracket, or a bracket too many."},
};

}  // namespace

void fail_syntax(std::string_view text, std::size_t byte_offset, std::string_view name, std::string_view reason) {
  const std::size_t at = std::min(byte_offset, text.size());
  std::string_view hint = first_hint(text, kOfFile);
  if (hint.empty() && text.find_first_not_of(" \t\r\n", at) == std::string_view::npos) {
    hint = "The text ends too early: was it cut off?";
  }
  if (hint.empty()) {
    const std::size_t token = at == 0 ? 0 : text.find_last_of(" \t\r\n,:[{", at - 1) + 1;  // npos + 1 is 0
    hint = first_hint(text.substr(at), kOfToken);
    if (hint.empty()) hint = first_hint(text.substr(token), kOfToken);
  }
  throw DataError(fmt::format("{}:{}: error: not JSON: {}{}{}", printable(name), line_and_column(text, at), reason,
                              hint.empty() ? "" : ".\n", hint));
}

}  // namespace bertft::data
