#pragma once

#include <string>
#include <string_view>

#include "weights/family.h"

namespace bertft::weights {

/// The name of the family's question-answering class that a name found in a file stands for: LayerNorm.gamma and .beta
/// become weight and bias, the names of an encoder saved alone get its prefix. Names of other models come back as they
/// are.
std::string canonical_name(std::string_view name, const Family& family);

/// True for embeddings and encoder layers, and not for a pooler or the position_ids that old
/// versions stored. Takes a canonical name.
bool is_body(std::string_view name, const Family& family);

}  // namespace bertft::weights
