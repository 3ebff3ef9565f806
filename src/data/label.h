#pragma once

#include <cstdint>
#include <span>

#include "bertft/data/dataset.h"
#include "bertft/tokenizer/tokenizer.h"

namespace bertft::data {

/// Token positions of an answer in a window.
struct Label {
  std::uint32_t start = 0, end = 0;  // 0, 0 is [CLS]: not in this window
};

/// The label that run_qa.py gives to an answer in a window whose context tokens are `context`, the first of them at
/// `first_context_position`.
///
/// fix_last_token_label  when false, an answer that starts in the last context token gets
///                       the closing [SEP] as its start, as there
Label label_of(const Answer& answer, std::span<const tokenizer::Token> context, std::uint32_t first_context_position,
               bool fix_last_token_label);

}  // namespace bertft::data
