#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/declared_tokens.h"
#include "tokenizer/tokenizer_files.h"
#include "tokenizer/vocabulary.h"

namespace bertft::tokenizer {

// What the loaders of all families share.

/// The class's name in transformers; of kBert BertTokenizer, which others are equal to.
std::string_view name_of(TokenizerClass tokenizer_class);

/// A `tokenizer_class` as it is named, and the file that names it.
struct NamedClass {
  TokenizerClass kind;
  std::string name, file;
};

/// The one of tokenizer_config.json, else of config.json; nothing when none is named.
/// throws ConfigError for one that is not supported
std::optional<NamedClass> named_class(const TokenizerFiles& files);

/// throws ConfigError when the files ask for another encoding of pairs: special tokens that are split, windows cut or
/// padded from the left, or framed otherwise than tokenizer.json says, where that is what frames them
void refuse_other_encodings(const TokenizerFiles& files, TokenizerClass tokenizer_class);

/// Whether transformers 5 gives the model the token types that it gets here: they are an input that
/// tokenizer_config.json or the class has to name, or else 0 throughout, as RoBERTa's tokenizer has them anyway.
bool gives_token_types(const TokenizerFiles& files, TokenizerClass tokenizer_class);

/// Adds a remark where it does not, though the model has them.
void remark_on_token_types(const TokenizerFiles& files, TokenizerClass tokenizer_class,
                           std::vector<std::string>& remarks);

/// throws DataError when the member is missing or no object; `name` is the file's
const Json& object_member(const Json& object, const char* key, const std::string& name);

/// Of a tokenizer.json that a class without rules of its own uses as it stands: throws ConfigError unless `holds`, with
/// `what` is wrong. `supported` ends the sentence "Supported ...": "of BPE are ByteLevel and RobertaProcessing".
void require_of_backend(bool holds, const std::string& name, std::string_view what, std::string_view supported);

/// The type of the model in tokenizer.json, which has to be there: "WordPiece", "BPE", "Unigram". Files of the time
/// before models had one, such as that of the published RoBERTa, are known by their members.
/// throws DataError when there is no model
std::string json_model_type(const TokenizerFiles& files);

/// The `vocab` of the `model` in a tokenizer.json of type WordPiece or BPE.
/// throws DataError when it is not there
const Json& vocab_member(const Json& tokenizer_json, const std::string& name);

/// A vocabulary of the form {piece: id, ...}, checked.
/// throws DataError: an id that is none or occurs again, an overlong piece, no piece at all
std::vector<Vocabulary::Piece> pieces_of_json(const Json& vocab, const std::string& name);

/// The "type" of a member such as `normalizer`, "none" when there is none.
std::string type_of(const Json& object, const char* key, const std::string& name);

/// Whether the `post_processor` frames a pair as [CLS] A [SEP] of type 0, B [SEP] of type 1.
bool has_pair_template(const Json& tokenizer_json, const NamedTokens& named, const std::string& name);

/// Whether it is a template <s> A </s></s> B </s>, all of it of type 0.
bool has_roberta_template(const Json& tokenizer_json, const NamedTokens& named, const std::string& name);

/// The ids of the tokens that models of `family` cannot do without. `name` is the file's that the vocabulary is from.
/// throws DataError when the vocabulary lacks one
SpecialIds required_ids(const Vocabulary& vocabulary, const NamedTokens& named, const std::string& name,
                        const char* family);

/// RoBERTa's frame of a pair, <s> A </s></s> B </s>, all of it of type 0.
SpecialIds framed_as_roberta(SpecialIds ids);

/// throws DataError when config.json has fewer embeddings than `size`
void check_size(const TokenizerFiles& files, std::size_t size);

}  // namespace bertft::tokenizer
