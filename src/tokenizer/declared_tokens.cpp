#include "tokenizer/declared_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/unicode.h"
#include "tokenizer/vocab_txt.h"

namespace bertft::tokenizer {
namespace {

// An added token as some file declares it.
struct Declaration {
  std::string content;
  std::optional<std::int64_t> id = {};
  bool lstrip = false, rstrip = false, single_word = false, normalized = false;
};

// What is declared, in the order of first mention; a later file overrides an earlier one.
class Declarations {
 public:
  void add(Declaration token) {
    Declaration* known = find(token.content);
    if (known == nullptr) {
      tokens_.push_back(std::move(token));
    } else {
      if (!token.id) token.id = known->id;
      *known = std::move(token);
    }
  }
  void add_if_new(const std::string& content) {
    if (find(content) == nullptr) tokens_.push_back({.content = content});
  }
  bool contains(const std::string& content) { return find(content) != nullptr; }
  std::vector<Declaration> take() { return std::move(tokens_); }

 private:
  Declaration* find(const std::string& content) {
    const auto same = [&](const Declaration& token) { return token.content == content; };
    const auto found = std::find_if(tokens_.begin(), tokens_.end(), same);
    return found == tokens_.end() ? nullptr : &*found;
  }

  std::vector<Declaration> tokens_;
};

bool has(const std::optional<Json>& object, const char* key) {
  return object && object->contains(key);
}

const Json* member(const std::optional<Json>& object, const char* key) {
  if (!object) return nullptr;
  const auto found = object->find(key);
  return found == object->end() || found->is_null() ? nullptr : &*found;
}

Declaration parse_declaration(const Json& token, const std::string& name, bool is_special) {
  const std::optional<std::string> content = token.is_object() ? string_member(token, "content", name) : std::nullopt;
  if (!content) throw DataError(fmt::format("{}: an added token without 'content'", printable(name)));
  const auto flag = [&](const char* key, bool otherwise) { return bool_member(token, key, name).value_or(otherwise); };
  is_special = flag("special", is_special);
  return {.content = *content,
          .id = integer_member(token, "id", name),
          .lstrip = flag("lstrip", false),
          .rstrip = flag("rstrip", false),
          .single_word = flag("single_word", false),
          .normalized = flag("normalized", !is_special)};
}

void add_tokenizer_json(const TokenizerFiles& files, Declarations& out) {
  const Json* list = member(files.tokenizer_json, "added_tokens");
  if (list == nullptr) return;
  const std::string name = files.path(kTokenizerJson);
  if (!list->is_array()) throw DataError(fmt::format("{}: 'added_tokens' is not a list", printable(name)));
  for (const Json& token : *list) out.add(parse_declaration(token, name, false));
}

// `added_tokens_decoder` of tokenizer_config.json: {"103": {"content": "[MASK]", ...}, ...}
void add_decoder(const Json& decoder, const std::string& name, Declarations& out) {
  if (!decoder.is_object()) {
    throw DataError(fmt::format("{}: 'added_tokens_decoder' is not an object", printable(name)));
  }
  for (const auto& [key, token] : decoder.items()) {
    Declaration declaration = parse_declaration(token, name, false);
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size()) {
      throw DataError(fmt::format("{}: 'added_tokens_decoder' has the key '{}'; its keys are ids", printable(name),
                                  printable(key)));
    }
    declaration.id = id;
    out.add(std::move(declaration));
  }
}

// The text of a named token, which is a string or {"content": ...}.
std::optional<std::string> content_of(const Json& token, const std::string& name) {
  if (token.is_string()) return token.get<std::string>();
  if (token.is_object()) return string_member(token, "content", name);
  return std::nullopt;
}

// A list of strings and objects, or an object of these.
void add_list(const std::optional<Json>& file, const char* key, const std::string& name, Declarations& out) {
  const Json* list = member(file, key);
  if (list == nullptr) return;
  for (const Json& token : *list) {
    if (token.is_object()) {
      out.add(parse_declaration(token, name, true));
    } else if (const auto content = content_of(token, name)) {
      out.add_if_new(*content);
    }
  }
}

// Tokens beyond the named ones, under their new and their old name. The new one hides the old, and either of
// tokenizer_config.json the old one of special_tokens_map.json.
void add_extra_tokens(const TokenizerFiles& files, bool map_counts, Declarations& out) {
  constexpr const char *kNew = "extra_special_tokens", *kOld = "additional_special_tokens";
  const bool config_has_new = has(files.tokenizer_config, kNew);
  add_list(files.tokenizer_config, config_has_new ? kNew : kOld, files.path(kTokenizerConfig), out);
  if (!map_counts) return;
  const std::string map_name = files.path("special_tokens_map.json");
  if (has(files.special_tokens_map, kNew)) {
    add_list(files.special_tokens_map, kNew, map_name, out);
  } else if (!config_has_new && !has(files.tokenizer_config, kOld)) {
    add_list(files.special_tokens_map, kOld, map_name, out);
  }
}

void add_special_tokens_map(const TokenizerFiles& files, Declarations& out) {
  if (!files.special_tokens_map) return;
  const std::string name = files.path("special_tokens_map.json");
  for (const auto& [key, token] : files.special_tokens_map->items()) {
    if (token.is_object() && key != "extra_special_tokens") out.add(parse_declaration(token, name, true));
  }
}

// added_tokens.json: {"[NEW]": 30522, ...}; tokens that are not special are matched in normalized text.
void add_added_tokens_json(const TokenizerFiles& files, Declarations& out) {
  if (!files.added_tokens) return;
  const std::string name = files.path("added_tokens.json");
  for (const auto& [content, id] : files.added_tokens->items()) {
    if (!id.is_number_integer())
      throw DataError(fmt::format("{}: the id of '{}' is not an integer", printable(name), printable(content)));
    out.add({.content = content, .id = id.get<std::int64_t>(), .normalized = !out.contains(content)});
  }
}

// transformers reads the older files only when tokenizer_config.json has no `added_tokens_decoder`.
std::vector<Declaration> declared_tokens(const TokenizerFiles& files, TokenizerClass tokenizer_class,
                                         const NamedTokens& named) {
  Declarations out;
  const std::string config_name = files.path(kTokenizerConfig);
  const Json* decoder = member(files.tokenizer_config, "added_tokens_decoder");
  if (tokenizer_class == TokenizerClass::kBackend) add_tokenizer_json(files, out);
  if (decoder != nullptr) {
    add_decoder(*decoder, config_name, out);
  } else {
    add_special_tokens_map(files, out);
  }
  add_extra_tokens(files, decoder == nullptr, out);
  for (const std::string& content : named.kept_whole) out.add_if_new(content);
  if (decoder == nullptr) {
    add_added_tokens_json(files, out);
    add_tokenizer_json(files, out);
  }
  return out.take();
}

bool has_white_space_at_an_end(const std::string& content) {
  char32_t first = 0, last = 0;
  for (std::size_t pos = 0; pos < content.size();) {
    last = next_code_point(content, pos);
    if (first == 0) first = last;
  }
  return ((code_point_flags()[first] | code_point_flags()[last]) & kWhiteSpace) != 0;
}

void check_supported(const Declaration& token, const std::string& directory) {
  const char* reason = nullptr;
  if (token.content.empty()) reason = "is empty";
  if (token.normalized) reason = "has \"normalized\": true, that is, it is looked for in normalized text";
  if (token.single_word) reason = "has \"single_word\": true";
  if (has_white_space_at_an_end(token.content)) reason = "has white space at an end";
  if (token.content.size() > kMaxPieceBytes) reason = "is too long";
  if (reason == nullptr) return;
  throw ConfigError(
      fmt::format("{}: the added token '{}' {}, which is not supported.\n"
                  "Supported are special tokens found verbatim in the text, with or without lstrip and rstrip.",
                  printable(directory), printable(token.content), reason));
}

}  // namespace

NamedTokens read_named_tokens(const TokenizerFiles& files, TokenizerClass tokenizer_class) {
  const bool map_counts = member(files.tokenizer_config, "added_tokens_decoder") == nullptr;
  NamedTokens named;
  const auto read = [&](const char* key, const char* default_content) {
    const bool in_map = map_counts && has(files.special_tokens_map, key);
    const std::optional<Json>& file = in_map ? files.special_tokens_map : files.tokenizer_config;
    std::optional<std::string> content;
    if (const Json* token = member(file, key)) {
      content = content_of(*token, files.path(in_map ? "special_tokens_map.json" : kTokenizerConfig));
    }
    const bool is_said_to_be_none = has(file, key) && member(file, key) == nullptr;
    if (!content && tokenizer_class != TokenizerClass::kBackend && !is_said_to_be_none) content = default_content;
    if (content && !content->empty()) named.kept_whole.push_back(*content);
    return content.value_or(default_content);
  };
  const bool is_albert = tokenizer_class == TokenizerClass::kAlbert;
  read("bos_token", is_albert ? "[CLS]" : "");
  read("eos_token", is_albert ? "[SEP]" : "");
  named.unk = read("unk_token", is_albert ? "<unk>" : "[UNK]");
  named.sep = read("sep_token", "[SEP]");
  read("pad_token", is_albert ? "<pad>" : "[PAD]");
  named.cls = read("cls_token", "[CLS]");
  read("mask_token", "[MASK]");
  return named;
}

std::vector<AddedToken> read_added_tokens(const TokenizerFiles& files, TokenizerClass tokenizer_class,
                                          const NamedTokens& named, const Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  std::vector<Declaration> beyond_vocabulary, unnumbered;
  for (const Declaration& declared : declared_tokens(files, tokenizer_class, named)) {
    const std::optional<std::uint32_t> known_id = vocabulary.id_of(declared.content);
    if (!known_id && !declared.id) {
      unnumbered.push_back(declared);
      continue;
    }
    check_supported(declared, files.directory);
    if (!known_id) {
      beyond_vocabulary.push_back(declared);
    } else if (declared.id.value_or(*known_id) != *known_id) {
      throw DataError(
          fmt::format("{}: the added token '{}' is declared with id {}, but has id {} in the vocabulary.\n"
                      "The tokenizer's files do not belong together.",
                      printable(files.directory), printable(declared.content), *declared.id, *known_id));
    } else {
      tokens.push_back({declared.content, *known_id, declared.lstrip, declared.rstrip});
    }
  }

  // Hugging Face numbers these itself, from the end of the vocabulary on.
  std::sort(beyond_vocabulary.begin(), beyond_vocabulary.end(),
            [](const Declaration& a, const Declaration& b) { return *a.id < *b.id; });
  auto next_id = static_cast<std::uint32_t>(vocabulary.size());
  for (const Declaration& declared : beyond_vocabulary) {
    if (*declared.id != next_id) {
      throw DataError(
          fmt::format("{}: the added token '{}' has id {}; the next free one is {}.\n"
                      "Added tokens that the vocabulary lacks take the ids that follow it, without a gap.",
                      printable(files.directory), printable(declared.content), *declared.id, next_id));
    }
    tokens.push_back({declared.content, next_id++, declared.lstrip, declared.rstrip});
  }
  // And those without an id, the named ones first. One for which the model has no embedding is no token here: at a text
  // that holds it transformers fails.
  std::ranges::stable_sort(unnumbered, {}, [&](const Declaration& declared) {
    return std::ranges::find(named.kept_whole, declared.content) - named.kept_whole.begin();
  });
  const std::int64_t num_rows = files.num_embeddings.value_or(0);
  for (const Declaration& declared : unnumbered) {
    if (next_id >= num_rows) break;
    check_supported(declared, files.directory);
    tokens.push_back({declared.content, next_id++, declared.lstrip, declared.rstrip});
  }
  return tokens;
}

}  // namespace bertft::tokenizer
