#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace bertft::weights {

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };
std::size_t size_of(DType dtype);           // bytes of one element
std::string_view name_of(DType dtype);      // as safetensors spells it: "F32"

/// A tensor inside a mapped file. Valid while its file is.
struct TensorView {
  DType dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // row-major, little endian
  std::int64_t num_elements() const;
};

/// A safetensors file, mapped read-only and checked whole (PARITY §3.3, RELIABILITY §4.3):
/// stricter than the reference in refusing duplicate names, headers over 10 MB, more than
/// 10,000 tensors. Movable; thread-safe to read.
///
/// throws InputError when the file cannot be opened; WeightsError naming the rule broken,
///        and for pickles (.bin, .pt), GGUF, HDF5, LFS pointers, HTML pages and archives a
///        line with what the file is and how to convert it
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

  const std::map<std::string, TensorView>& tensors() const;
  const std::map<std::string, std::string>& metadata() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A tensor to be written. Does not own its bytes.
struct NamedTensor {
  std::string name;
  TensorView tensor;
};

/// Writes a file that is byte-equal to the reference writer's (dtype alignment descending,
/// then name), with __metadata__ {"format": "pt"} and what `metadata` adds. The file is
/// created, written and fsynced at `path`; renaming it into place is the caller's.
///
/// throws StorageError
void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace bertft::weights
