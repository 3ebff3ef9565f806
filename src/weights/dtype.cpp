#include "weights/dtype.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <cstring>

namespace bertft::weights {
namespace {

struct DTypeInfo {
  std::string_view name;
  std::size_t size;
};

// Indexed by DType.
constexpr std::array<DTypeInfo, 13> kDTypes{{{"U64", 8},
                                             {"I64", 8},
                                             {"F64", 8},
                                             {"F32", 4},
                                             {"U32", 4},
                                             {"I32", 4},
                                             {"BF16", 2},
                                             {"F16", 2},
                                             {"U16", 2},
                                             {"I16", 2},
                                             {"I8", 1},
                                             {"U8", 1},
                                             {"BOOL", 1}}};
static_assert(kDTypes.size() == static_cast<std::size_t>(DType::kBool) + 1);

const DTypeInfo& info_of(DType dtype) {
  return kDTypes[static_cast<std::size_t>(dtype)];
}

// memcpy because a file may place its tensors at any byte.
template <class Value, class Predicate>
std::int64_t count_of(std::span<const std::byte> bytes, const Predicate& is_counted) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i + sizeof(Value) <= bytes.size(); i += sizeof(Value)) {
    Value value;
    std::memcpy(&value, bytes.data() + i, sizeof value);
    count += is_counted(value);
  }
  return count;
}

// A value is NaN or infinite exactly when all bits of its exponent are set.
template <class Bits>
std::int64_t count_full_exponents(std::span<const std::byte> bytes, Bits exponent) {
  return count_of<Bits>(bytes, [exponent](Bits bits) { return (bits & exponent) == exponent; });
}

}  // namespace

std::size_t size_of(DType dtype) {
  return info_of(dtype).size;
}

std::string_view name_of(DType dtype) {
  return info_of(dtype).name;
}

bool is_floating_point(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

std::optional<DType> dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> byte_count(DType dtype, std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count)) return std::nullopt;
  }
  if (__builtin_mul_overflow(count, size_of(dtype), &count)) return std::nullopt;
  return count;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::int64_t TensorView::num_elements() const {
  return static_cast<std::int64_t>(bytes.size() / size_of(dtype));
}

std::int64_t count_non_finite(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::kF64:
      return count_of<double>(tensor.bytes, [](double value) { return !std::isfinite(static_cast<float>(value)); });
    case DType::kF32:
      return count_full_exponents<std::uint32_t>(tensor.bytes, 0x7F80'0000);
    case DType::kBF16:
      return count_full_exponents<std::uint16_t>(tensor.bytes, 0x7F80);
    case DType::kF16:
      return count_full_exponents<std::uint16_t>(tensor.bytes, 0x7C00);
    default:
      return 0;
  }
}

}  // namespace bertft::weights
