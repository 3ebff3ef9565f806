#pragma once

// clang-format off: an option stands on one line, however long

#include <optional>
#include <string>

#include "bertft/util/option.h"

namespace bertft::model {

/// Which pretrained model, and how its layers are run.
struct ModelOptions {
  std::optional<std::string> model_name_or_path;
  std::optional<std::string> config_name;
  std::optional<std::string> tokenizer_name;
  std::optional<bool> gradient_checkpointing = {};
};

template <class Visitor>
void visit(Visitor& v, ModelOptions& o) {
  v.field("model_name_or_path", o.model_name_or_path, {.help = "Hugging Face model directory with config.json and safetensors weights", .is_path = true, .is_free_to_change = true});
  v.field("config_name", o.config_name, {.help = "directory of config.json when it is not the model's", .is_path = true, .is_free_to_change = true});
  v.field("tokenizer_name", o.tokenizer_name, {.help = "directory of the tokenizer files when it is not the model's", .is_path = true, .is_free_to_change = true});
  v.field("gradient_checkpointing", o.gradient_checkpointing, {.help = "keep only each layer's input and recompute the rest in the backward pass: less memory, about a third more time; auto: off, unless memory_savers takes it", .unset_name = "auto", .is_free_to_change = true});
}

}  // namespace bertft::model
