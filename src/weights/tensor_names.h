#pragma once

#include <string>
#include <string_view>

namespace bertft::weights {

/// The name of BertForQuestionAnswering that a name found in a file stands for (PARITY §3.2):
/// LayerNorm.gamma and .beta become weight and bias, a BertModel's own names get "bert.".
/// Names of other models come back as they are.
std::string canonical_name(std::string_view name);

/// True for what belongs to a BERT body and yet is no weight of ours: a pooler, or the
/// position_ids that old versions stored. Takes a canonical name.
bool is_ignored_part_of_body(std::string_view name);

/// True for embeddings and encoder layers. Takes a canonical name.
bool is_body(std::string_view name);

}  // namespace bertft::weights
