#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include "bertft/train/probe.h"

namespace bertft::train {

Json probe_key(const ProbeTask& task, const std::string& version, const std::optional<std::string>& memory_limit) {
  const weights::EncoderConfig& c = task.config;
  return {
      {"device", task.device.identity},
      {"memory_limit", or_null(memory_limit)},
      {"model",
       {c.model_type, c.vocab_size, c.num_rows_aside, c.embedding_size, c.hidden_size, c.num_hidden_layers,
        c.num_attention_heads, c.intermediate_size, c.max_position_embeddings, c.type_vocab_size,
        weights::encoder_tensors(c).layers.size(), static_cast<int>(c.hidden_act)}},
      {"dropout",
       {c.dropout.embeddings, c.dropout.attention_probs, c.dropout.attention_output, c.dropout.output, c.dropout.head}},
      {"length", task.length},
      {"effective_batch", task.effective_batch},
      {"eval_batch", task.eval_batch},
      {"precision", name_of(task.device.precision)},
      {"gradient_checkpointing", task.model.gradient_checkpointing.value_or(false)},
      {"kernels", at::globalContext().deterministicAlgorithms() ? "reference, deterministic" : "reference"},
      {"optimizer", "adamw"},
      {"libtorch", TORCH_VERSION},
      {"threads", at::get_num_threads()},
      {"version", version}};
}

}  // namespace bertft::train
