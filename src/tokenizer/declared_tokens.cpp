#include "tokenizer/declared_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/unicode.h"
#include "tokenizer/vocab_txt.h"

namespace bertft::tokenizer {
namespace {

// What is declared, in the order of first mention; of a token that is declared again the first is kept.
class Declarations {
 public:
  void add(Declaration token) {
    if (contents_.insert(token.content).second) tokens_.push_back(std::move(token));
  }
  std::vector<Declaration> take() { return std::move(tokens_); }

 private:
  std::vector<Declaration> tokens_;
  std::unordered_set<std::string> contents_;
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

// A special token is a string or {"content": ...}; `is_special` where the object does not say.
std::optional<Declaration> special_token(const Json& token, const std::string& name, bool is_special = true) {
  if (token.is_string()) return Declaration{.content = token.get<std::string>()};
  if (token.is_object()) return parse_declaration(token, name, is_special);
  return std::nullopt;
}

// added_tokens.json: {"[NEW]": 30522, ...}; tokens that are not special are looked for in normalized text.
void add_added_tokens_json(const TokenizerFiles& files, const NamedTokens& named, Declarations& out) {
  if (!files.added_tokens) return;
  const std::string name = files.path(kAddedTokensJson);
  for (const auto& [content, id] : files.added_tokens->items()) {
    if (!id.is_number_integer())
      throw DataError(fmt::format("{}: the id of '{}' is not an integer", printable(name), printable(content)));
    const bool is_special = std::ranges::any_of(
        named.kept_whole, [&](const Declaration& token) { return token.special_if_added && token.content == content; });
    out.add({.content = content, .id = id.get<std::int64_t>(), .normalized = !is_special});
  }
}

// Those of tokenizer.json where it is used as it stands, or where tokenizer_config.json has no `added_tokens_decoder`.
std::vector<Declaration> declared_tokens(const TokenizerFiles& files, TokenizerClass tokenizer_class,
                                         const NamedTokens& named) {
  Declarations out;
  const Json* decoder = member(files.tokenizer_config, kAddedTokensDecoder);
  if (decoder != nullptr) add_decoder(*decoder, files.path(kTokenizerConfig), out);
  if (decoder == nullptr || tokenizer_class == TokenizerClass::kBackend) add_tokenizer_json(files, out);
  add_added_tokens_json(files, named, out);
  for (const Declaration& token : named.kept_whole) out.add(token);
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
  if (token.single_word) reason = "has \"single_word\": true";
  if (has_white_space_at_an_end(token.content)) reason = "has white space at an end";
  if (token.content.size() > kMaxPieceBytes) reason = "is too long";
  if (reason == nullptr) return;
  throw ConfigError(
      fmt::format("{}: the added token '{}' {}, which is not supported.\n"
                  "Supported are tokens with or without lstrip, rstrip and normalized.",
                  printable(directory), printable(token.content), reason));
}

// The names that every tokenizer knows, with the tokens that the classes have there by themselves.
struct Name {
  const char *key, *of_bert, *of_albert, *of_roberta;
  std::string NamedTokens::* text = nullptr;
};
constexpr Name kNames[] = {{"bos_token", "", "[CLS]", "<s>", &NamedTokens::bos},
                           {"eos_token", "", "[SEP]", "</s>", &NamedTokens::eos},
                           {"unk_token", "[UNK]", "<unk>", "<unk>", &NamedTokens::unk},
                           {"sep_token", "[SEP]", "[SEP]", "</s>", &NamedTokens::sep},
                           {"pad_token", "[PAD]", "<pad>", "<pad>"},
                           {"cls_token", "[CLS]", "[CLS]", "<s>", &NamedTokens::cls},
                           {"mask_token", "[MASK]", "[MASK]", "<mask>"}};

const char* own_text(const Name& name, TokenizerClass tokenizer_class) {
  switch (tokenizer_class) {
    case TokenizerClass::kAlbert:
      return name.of_albert;
    case TokenizerClass::kRoberta:
    case TokenizerClass::kXlmRoberta:
      return name.of_roberta;
    case TokenizerClass::kBert:
    case TokenizerClass::kBackend:
      break;
  }
  return name.of_bert;
}

// Where both files have the key, special_tokens_map.json decides, also by a null.
bool is_said_to_be_none(const TokenizerFiles& files, const char* key) {
  const auto& file = has(files.special_tokens_map, key) ? files.special_tokens_map : files.tokenizer_config;
  return has(file, key) && member(file, key) == nullptr;
}

std::optional<Declaration> named_token(const TokenizerFiles& files, const char* key) {
  const bool in_map = has(files.special_tokens_map, key);
  const Json* value = member(in_map ? files.special_tokens_map : files.tokenizer_config, key);
  if (value == nullptr) return std::nullopt;
  std::optional<Declaration> token = special_token(*value, files.path(in_map ? kSpecialTokensMap : kTokenizerConfig));
  if (token) token->special_if_added = true;
  return token;
}

// Tokens whose names a model makes up, such as "image_token". In tokenizer_config.json an object is one if it says so;
// of a name in both files a string there is taken, else what special_tokens_map.json says.
void add_tokens_of_other_names(const TokenizerFiles& files, std::vector<Declaration>& out) {
  const auto add = [&](const std::optional<Json>& file, const char* file_name, auto&& counts) {
    if (!file) return;
    for (const auto& [key, value] : file->items()) {
      const auto is_this = [&](const Name& name) { return name.key == key; };
      if (!key.ends_with("_token") || std::ranges::any_of(kNames, is_this) || !counts(key, value)) continue;
      if (const auto token = special_token(value, files.path(file_name))) out.push_back(*token);
    }
  };
  add(files.tokenizer_config, kTokenizerConfig, [&](const std::string& key, const Json& value) {
    return value.is_string() || (value.contains("__type") && !has(files.special_tokens_map, key.c_str()));
  });
  add(files.special_tokens_map, kSpecialTokensMap, [&](const std::string& key, const Json&) {
    const Json* other = member(files.tokenizer_config, key.c_str());
    return other == nullptr || !other->is_string();
  });
}

// A list of strings and objects, or an object of these.
void add_list(const std::optional<Json>& file, const char* key, const std::string& name, bool is_special,
              std::vector<Declaration>& out) {
  const Json* list = member(file, key);
  if (list == nullptr) return;
  for (const Json& value : *list) {
    std::optional<Declaration> token = special_token(value, name, is_special);
    if (!token) continue;
    token->special_if_added = list->is_array();
    out.push_back(std::move(*token));
  }
}

// Tokens beyond the named ones, under their new and their old name. The new one hides the old, and either of
// tokenizer_config.json the old one of special_tokens_map.json, of which added_tokens.json does not know.
void add_extra_tokens(const TokenizerFiles& files, std::vector<Declaration>& out) {
  constexpr const char *kNew = "extra_special_tokens", *kOld = "additional_special_tokens";
  const bool config_has_new = has(files.tokenizer_config, kNew);
  add_list(files.tokenizer_config, config_has_new ? kNew : kOld, files.path(kTokenizerConfig),
           /*is_special=*/false, out);
  const std::string map_name = files.path(kSpecialTokensMap);
  if (has(files.special_tokens_map, kNew)) {
    add_list(files.special_tokens_map, kNew, map_name, /*is_special=*/true, out);
  } else if (!config_has_new && !has(files.tokenizer_config, kOld)) {
    const std::size_t num_before = out.size();
    add_list(files.special_tokens_map, kOld, map_name, /*is_special=*/true, out);
    for (Declaration& token : std::span(out).subspan(num_before)) token.special_if_added = false;
  }
}

AddedToken added_token(const Declaration& declared, std::uint32_t id) {
  return {.content = declared.content,
          .id = id,
          .takes_space_left = declared.lstrip,
          .takes_space_right = declared.rstrip,
          .in_normalized = declared.normalized};
}

}  // namespace

NamedTokens read_named_tokens(const TokenizerFiles& files, TokenizerClass tokenizer_class) {
  NamedTokens named;
  for (const Name& name : kNames) {
    std::optional<Declaration> token = named_token(files, name.key);
    const char* own = own_text(name, tokenizer_class);
    if (name.text != nullptr) named.*name.text = token ? token->content : own;
    if (!token && tokenizer_class != TokenizerClass::kBackend && !is_said_to_be_none(files, name.key)) {
      token = {.content = own};
    }
    if (token) named.kept_whole.push_back(*token);
  }
  add_tokens_of_other_names(files, named.kept_whole);
  add_extra_tokens(files, named.kept_whole);
  std::erase_if(named.kept_whole, [](const Declaration& token) { return token.content.empty(); });
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
      tokens.push_back(added_token(declared, *known_id));
    }
  }

  // Hugging Face numbers these itself, from the end of the vocabulary on.
  std::sort(beyond_vocabulary.begin(), beyond_vocabulary.end(),
            [](const Declaration& a, const Declaration& b) { return *a.id < *b.id; });
  // One for which the model has no embedding is no token here: at a text that holds it transformers fails.
  const auto has_embedding = [&](std::uint32_t id) { return !files.num_embeddings || id < *files.num_embeddings; };
  auto next_id = static_cast<std::uint32_t>(vocabulary.size());
  for (const Declaration& declared : beyond_vocabulary) {
    if (!has_embedding(next_id)) break;
    if (*declared.id != next_id) {
      throw DataError(
          fmt::format("{}: the added token '{}' has id {}; the next free one is {}.\n"
                      "Added tokens that the vocabulary lacks take the ids that follow it, without a gap.",
                      printable(files.directory), printable(declared.content), *declared.id, next_id));
    }
    tokens.push_back(added_token(declared, next_id++));
  }
  for (const Declaration& declared : unnumbered) {  // in the order of their names
    if (!has_embedding(next_id)) break;
    check_supported(declared, files.directory);
    tokens.push_back(added_token(declared, next_id++));
  }
  return tokens;
}

}  // namespace bertft::tokenizer
