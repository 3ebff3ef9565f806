#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bertft::weights {

/// Element types, in the order in which the reference writer lays tensors out: alignment
/// descending, and its own order among equals.
enum class DType { kU64, kI64, kF64, kF32, kU32, kI32, kBF16, kF16, kU16, kI16, kI8, kU8, kBool };
std::size_t size_of(DType dtype);       // bytes of one element
std::string_view name_of(DType dtype);  // as safetensors spells it: "F32"
bool is_floating_point(DType dtype);

/// A tensor inside a mapped file. Valid while its file is.
struct TensorView {
  DType dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // row-major, little endian; not necessarily aligned to the element
  std::int64_t num_elements() const;
};

/// A safetensors file, mapped read-only and checked whole: stricter than the reference in refusing duplicate names,
/// unknown keys, headers over 10 MB, more than 10,000 tensors. Movable; thread-safe to read.
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

/// A tensor to be written, which lies in one or more parts, one after the other. Does not own its bytes.
struct TensorToWrite {
  std::string name;
  DType dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::span<const std::byte>> parts;
};

/// Writes a file that is byte-equal to the reference writer's (DType order, then name), with
/// __metadata__ {"format": "pt"} and what `metadata` adds, sorted by key (the reference's
/// order is random from two keys on). The file is created at `path`, where none may be yet,
/// written and fsynced; renaming it into place is the caller's.
///
/// throws StorageError; ShapeError when bytes do not fit dtype x shape, or a name is given
///        twice, is not UTF-8 or is "__metadata__"
void write_safetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace bertft::weights
