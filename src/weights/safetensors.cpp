#include "bertft/weights/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "weights/dtype.h"
#include "weights/foreign.h"
#include "weights/safetensors_check.h"

namespace bertft::weights {
namespace {

TensorTable read_table(const MappedFile& file, const std::string& path) {
  // Only a file that does not even look right is taken for another format: a header's length
  // can begin with any magic of a few bytes.
  if (!looks_like_safetensors(file.bytes())) {
    if (const auto foreign = recognise_foreign(file.bytes())) {
      throw WeightsError(fmt::format("{}: this is {}; weights are read from safetensors files\n{}", printable(path),
                                     foreign->what, foreign->advice));
    }
  }
  return check_safetensors(file.bytes(), path);
}

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump();
}

std::uint64_t num_bytes(const TensorToWrite& tensor) {
  std::uint64_t sum = 0;
  for (const auto& part : tensor.parts) sum += part.size();
  return sum;
}

void check_writable(const std::vector<TensorToWrite>& sorted) {
  std::vector<std::string_view> names;
  for (const TensorToWrite& tensor : sorted) {
    if (find_invalid_utf8(tensor.name) || tensor.name == "__metadata__") {
      throw ShapeError(fmt::format("'{}' cannot be the name of a tensor", printable(tensor.name)));
    }
    if (byte_count(tensor.dtype, tensor.shape) != num_bytes(tensor)) {
      throw ShapeError(fmt::format("tensor '{}' of shape {} has {} bytes", printable(tensor.name),
                                   shape_text(tensor.shape), num_bytes(tensor)));
    }
    names.push_back(tensor.name);
  }
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
    throw ShapeError(fmt::format("tensor '{}' is given twice", printable(*twice)));
  }
}

std::string header_of(const std::vector<TensorToWrite>& sorted, const std::map<std::string, std::string>& metadata) {
  std::string header = R"({"__metadata__":{)";
  for (const auto& [key, value] : metadata) {
    header += fmt::format("{}{}:{}", header.ends_with('{') ? "" : ",", json_string(key), json_string(value));
  }
  header += '}';
  std::uint64_t offset = 0;
  for (const TensorToWrite& tensor : sorted) {
    const std::uint64_t end = offset + num_bytes(tensor);
    header += fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", json_string(tensor.name),
                          name_of(tensor.dtype), fmt::join(tensor.shape, ","), offset, end);
    offset = end;
  }
  header += '}';
  constexpr std::size_t kAlignment = 8;  // so that the data begins aligned
  header.resize((header.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return header;
}

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

}  // namespace

struct SafetensorsFile::Impl {
  explicit Impl(const std::string& path) : file(path), table(read_table(file, path)) {}

  MappedFile file;
  TensorTable table;
};

SafetensorsFile::SafetensorsFile(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

const std::map<std::string, TensorView>& SafetensorsFile::tensors() const {
  return impl_->table.tensors;
}
const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return impl_->table.metadata;
}

void write_safetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::ranges::sort(tensors, {}, [](const TensorToWrite& t) { return std::tie(t.dtype, t.name); });
  check_writable(tensors);
  std::map<std::string, std::string> all_metadata = metadata;
  all_metadata.emplace("format", "pt");  // transformers 4 refuses files without it

  const std::string header = header_of(tensors, all_metadata);
  FileWriter writer(path);
  writer.write(little_endian(header.size()));
  writer.write(header);
  for (const TensorToWrite& tensor : tensors) {
    for (const auto& part : tensor.parts) writer.write({reinterpret_cast<const char*>(part.data()), part.size()});
  }
  writer.close();
}

}  // namespace bertft::weights
