// libFuzzer target over the safetensors rules: whatever the bytes, either a WeightsError or a
// table whose tensors lie within them, back to back. An input is tried as it is, and once more
// with its first line framed as a header, so that mutations get past the length.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bertft/util/error.h"
#include "fuzz/require.h"
#include "weights/dtype.h"
#include "weights/foreign.h"
#include "weights/safetensors_check.h"

namespace {

using namespace bertft;

void check(std::span<const std::byte> bytes) {
  weights::TensorTable table;
  try {
    table = weights::check_safetensors(bytes, "fuzz");
  } catch (const WeightsError&) {
    return;  // refused by a rule, as it should be
  }
  require(weights::looks_like_safetensors(bytes));
  std::size_t data_bytes = 0;
  for (const auto& [name, tensor] : table.tensors) {
    require(weights::byte_count(tensor.dtype, tensor.shape) == tensor.bytes.size());
    require(tensor.bytes.data() >= bytes.data());
    require(tensor.bytes.data() + tensor.bytes.size() <= bytes.data() + bytes.size());
    require(weights::count_non_finite(tensor) <= tensor.num_elements());
    data_bytes += tensor.bytes.size();
  }
  require(data_bytes < bytes.size());
}

std::string framed(std::string_view input) {
  const std::size_t header_bytes = std::min(input.find('\n'), input.size());
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) file += static_cast<char>(header_bytes >> shift & 0xFF);
  file += input.substr(0, header_bytes);
  if (header_bytes < input.size()) file += input.substr(header_bytes + 1);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  weights::recognise_foreign(bytes);
  check(bytes);
  const std::string file = framed({reinterpret_cast<const char*>(data), size});
  check(std::as_bytes(std::span(file)));
  return 0;
}
