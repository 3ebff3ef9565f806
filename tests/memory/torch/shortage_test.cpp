#include "bertft/memory/shortage.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "bertft/memory/budget.h"
#include "memory/shortage_text.h"
#include "memory/torch/cpu_allocator.h"

namespace bertft::memory {
namespace {

using testing::HasSubstr;

const device::Device kCpu;

TEST(Attempt, ReturnsNothingWhenTheWorkIsDone) {
  bool is_released = false;
  EXPECT_FALSE(attempt(kCpu, [] {}, [&] { is_released = true; }));
  EXPECT_FALSE(is_released);
}

TEST(Attempt, ReturnsTheShortageWhenMemoryRanOut) {
  CpuAllocator& allocator = CpuAllocator::instance();
  const std::uint64_t before = allocator.in_use();
  allocator.set_limit(before + (8 << 20));
  at::Tensor kept;
  const auto shortage = attempt(
      kCpu,
      [&] {
        kept = at::empty({1 << 20}, at::kFloat);
        const at::Tensor local = at::empty({1 << 20}, at::kFloat);
      },
      [&] { kept.reset(); });
  allocator.set_limit(CpuAllocator::kNoLimit);
  ASSERT_TRUE(shortage);
  EXPECT_THAT(shortage->message, HasSubstr("of a budget of"));
  EXPECT_EQ(allocator.in_use(), before);
}

TEST(Attempt, LetsOtherErrorsPassWithoutARetry) {
  int released = 0;
  EXPECT_THROW(
      attempt(kCpu, [] { throw std::runtime_error("out of cheese"); }, [&] { ++released; }), std::runtime_error);
  EXPECT_EQ(released, 0);
}

TEST(OutOfMemory, IsKnownByItsType) {
  EXPECT_TRUE(is_out_of_memory(std::bad_alloc()));
  EXPECT_TRUE(is_out_of_memory(c10::OutOfMemoryError({__func__, __FILE__, __LINE__}, "whatever")));
  EXPECT_TRUE(is_out_of_memory(c10::AcceleratorError({__func__, __FILE__, __LINE__}, 2, "whatever")));
}

TEST(OutOfMemory, IsNoSickDeviceWhateverItSays) {
  for (const int code : {4, 214, 700, 716, 719}) {
    EXPECT_FALSE(
        is_out_of_memory(c10::AcceleratorError({__func__, __FILE__, __LINE__}, code, "CUDA error: out of memory")));
  }
}

TEST(OutOfMemory, IsNoErrorOfAnotherKindThatSpeaksOfMemory) {
  EXPECT_FALSE(is_out_of_memory(std::runtime_error("CUDA out of memory.")));  // not LibTorch's
}

TEST(OutOfMemory, IsNotReadFromAnErrorsStack) {
  const auto stack =
      std::make_shared<c10::PrecomputedLazyValue<std::string>>("frame #0: c10::cuda::CUDACachingAllocator::malloc");
  EXPECT_FALSE(is_out_of_memory(c10::Error("x INTERNAL ASSERT FAILED at \"Tensor.cpp\":1", stack)));
}

class OutOfMemoryText : public testing::TestWithParam<const char*> {};

TEST_P(OutOfMemoryText, IsKnown) {
  EXPECT_TRUE(says_out_of_memory(GetParam()));
  EXPECT_TRUE(is_out_of_memory(c10::Error({__func__, __FILE__, __LINE__}, GetParam())));
}

INSTANTIATE_TEST_SUITE_P(
    Spellings, OutOfMemoryText,
    testing::Values(
        "CUDA out of memory. Tried to allocate 24.00 MiB. GPU 0 has a total capacity of 7.60 GiB",
        "CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "OOM trying to allocate workspace for cublaslt", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if ...",
        "!handles_.at(i) INTERNAL ASSERT FAILED at \"../c10/cuda/CUDACachingAllocator.cpp\":396",
        "CUDA driver error: device not ready", "CUDA driver error: out of memory",
        "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes.",
        "nonzero is not supported for tensors with more than INT_MAX elements", "std::bad_alloc"));

TEST(OutOfMemory, OfAGpuSaysHowMuchWasAskedForAndNoMore) {
  const c10::OutOfMemoryError error(
      {__func__, __FILE__, __LINE__},
      "CUDA out of memory. Tried to allocate 24.00 MiB. GPU 0 has a total capacity of 7.60 GiB of which 1.00 MiB is "
      "free. If reserved but unallocated memory is large try setting PYTORCH_ALLOC_CONF.");
  EXPECT_EQ(shortage_of(error)->message, "CUDA out of memory. Tried to allocate 24.00 MiB");
}

TEST(OutOfMemory, SaysWhetherGrowingWasBrokenOff) {
  EXPECT_TRUE(says_growing_was_broken_off("CUDA driver error: out of memory"));
  EXPECT_TRUE(says_growing_was_broken_off(
      "!handles_.at(i) INTERNAL ASSERT FAILED at \"../c10/cuda/CUDACachingAllocator.cpp\":396"));
  EXPECT_FALSE(says_growing_was_broken_off("CUDA out of memory. Tried to allocate 24.00 MiB."));
}

class OtherText : public testing::TestWithParam<const char*> {};

TEST_P(OtherText, IsNotTakenForIt) {
  EXPECT_FALSE(says_out_of_memory(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Errors, OtherText,
    testing::Values("CUDA error: an illegal memory access was encountered", "CUDA error: unspecified launch failure",
                    "CUDA error: uncorrectable ECC error encountered", "CUDA error: device-side assert triggered",
                    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "x INTERNAL ASSERT FAILED at \"engine.cpp\":1",
                    "pool != nullptr INTERNAL ASSERT FAILED at \"CUDACachingAllocator.cpp\":1361", "memory"));

}  // namespace
}  // namespace bertft::memory
