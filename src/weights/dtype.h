#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bertft/weights/safetensors.h"

namespace bertft::weights {

/// The dtype that safetensors spells `name`; none when we do not read it.
std::optional<DType> dtype_named(std::string_view name);

/// Bytes of a tensor; none when the product of the sizes does not fit 64 bits.
std::optional<std::uint64_t> byte_count(DType dtype, std::span<const std::int64_t> shape);

/// "[2, 384]"
std::string shape_text(std::span<const std::int64_t> shape);

/// Values that are NaN or infinite, in float32; 0 for dtypes that have none.
std::int64_t count_non_finite(const TensorView& tensor);

}  // namespace bertft::weights
