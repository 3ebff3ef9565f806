#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bertft/weights/encoder_config.h"
#include "bertft/weights/safetensors.h"

namespace bertft::weights {

/// The tensors of a model directory under the names of expected_tensors(): one file or
/// shards, gamma/beta renamed, a missing "bert." added, other heads set aside.
struct ModelWeights {
  std::vector<SafetensorsFile> files;         // keep the views alive
  std::map<std::string, TensorView> tensors;  // expected names only; F64, F32, F16 or BF16
  std::vector<std::string> missing;           // expected and absent: at most the qa head
  std::vector<std::string> ignored;           // present and not ours, in file order of names
  std::vector<std::uint32_t> word_rows = {};  // of the words' table, those to take, ascending; empty: all

  /// One calm line: "loaded 197/199 tensors; qa_outputs.{weight,bias} newly initialised
  /// (expected for a base model); ignored: cls.* (7), bert.pooler.* (2)".
  std::string summary() const;
};

/// Whether a checkpoint without a question-answering head will do.
enum class Head { kMayBeMissing, kRequired };

/// Maps and checks the weights of `directory` against `config`: model.safetensors, else the
/// shards that model.safetensors.index.json lists.
///
/// throws InputError when there are no weights or a shard is missing; WeightsError listing
///        (the first three and a count of) tensors that are missing, foreign to a model of
///        this configuration, of another shape, of a dtype that is not floating point, or
///        not finite; also for an index that is malformed and for weights in other formats
ModelWeights read_weights(const std::string& directory, const EncoderConfig& config, Head head);

}  // namespace bertft::weights
