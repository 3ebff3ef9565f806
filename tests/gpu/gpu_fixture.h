#pragma once

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "bertft/device/cuda.h"
#include "bertft/memory/budget.h"

namespace bertft::train {

using device::Precision;

// With a GPU, in fp32 where a test selects nothing else; what a test limits is free again after it.
class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (device::cuda::device_count() == 0) GTEST_SKIP() << "no GPU";
    device_ = select(Precision::kFp32);
  }
  void TearDown() override {
    if (!device_.is_cuda()) return;
    at::globalContext().setDeterministicAlgorithms(false, false);
    limit(memory::capacity_of(device_).total);
    memory::release_cached(device_);
  }

  static bool has_bf16() { return select({}).precision == Precision::kBf16; }
  static std::vector<Precision> precisions() {
    std::vector all = {Precision::kFp32, Precision::kFp16};
    if (has_bf16()) all.push_back(Precision::kBf16);
    return all;
  }

  static device::Device select(std::optional<Precision> precision, bool full_determinism = false) {
    device::DeviceOptions options;
    options.full_determinism = full_determinism;
    options.device = device::DeviceChoice::kCuda;
    if (precision) options.bf16 = precision == Precision::kBf16;
    options.fp16 = precision == Precision::kFp16;
    return device::select_device(options);
  }
  void limit(std::uint64_t bytes) const { memory::apply({.limit = bytes, .usable = bytes, .source = "test"}, device_); }

  device::Device device_;
};

}  // namespace bertft::train
