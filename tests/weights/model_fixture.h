#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/weights/model_directory.h"
#include "temporary_directory.h"
#include "weights/bytes.h"

namespace bertft::weights {

constexpr std::string_view kTinyConfig =
    R"({"model_type": "bert", "vocab_size": 11, "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 6, "max_position_embeddings": 8})";

/// A tensor that owns its bytes.
struct OwnedTensor {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::string bytes;
};
using Tensors = std::map<std::string, OwnedTensor>;

inline OwnedTensor filled(std::vector<std::int64_t> shape, float value, DType dtype = DType::kF32) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  OwnedTensor tensor{dtype, std::move(shape), std::string(count * size_of(dtype), '\0')};
  if (dtype == DType::kF32) {
    for (std::size_t i = 0; i < count; ++i) std::memcpy(tensor.bytes.data() + i * sizeof value, &value, sizeof value);
  }
  return tensor;
}

/// A model directory of the smallest BERT, to be spoilt by the test.
class TinyModel {
 public:
  explicit TinyModel(std::string_view config = kTinyConfig) {
    directory.write("config.json", config);
    for (auto& [name, shape] : expected_tensors(read_encoder_config(path()))) tensors[name] = filled(shape, 0.5F);
  }

  /// Gives every tensor the name that `rename` makes of it; an empty one drops it.
  void rename_all(const std::function<std::string(std::string)>& rename) {
    Tensors renamed;
    for (auto& [name, tensor] : tensors) {
      if (const std::string new_name = rename(name); !new_name.empty()) renamed[new_name] = std::move(tensor);
    }
    tensors = std::move(renamed);
  }
  void remove_head() {
    rename_all([](std::string name) { return name.starts_with("qa_outputs") ? "" : name; });
  }

  void save(const std::string& file, const Tensors& which) const {
    std::vector<TensorToWrite> named;
    for (const auto& [name, tensor] : which) {
      named.push_back({name, tensor.dtype, tensor.shape, {as_bytes(tensor.bytes)}});
    }
    write_safetensors(directory / file, std::move(named));
  }

  /// Reads the directory as it stands.
  ModelWeights read(Head head = Head::kMayBeMissing) const {
    return read_weights(path(), read_encoder_config(path()), head);
  }
  ModelWeights save_and_read(Head head = Head::kMayBeMissing) const {
    save("model.safetensors", tensors);
    return read(head);
  }

  std::string path() const { return directory.path(); }

  TemporaryDirectory directory;
  Tensors tensors;
};

}  // namespace bertft::weights
