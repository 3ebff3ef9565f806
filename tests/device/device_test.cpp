#include "bertft/device/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bertft/util/error.h"
#include "message_of.h"

namespace bertft::device {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

DeviceOptions options_for(DeviceChoice choice) {
  DeviceOptions options;
  options.device = choice;
  return options;
}

TEST(Device, OnTheCpuComputesInFp32UnlessAHalfTypeIsAskedFor) {
  const auto expect_precision = [](const DeviceOptions& options, Precision expected) {
    const Device device = select_device(options);
    EXPECT_EQ(device.precision, expected);
    EXPECT_FALSE(device.is_cuda());
    EXPECT_THAT(device.description, HasSubstr(std::string(name_of(expected))));
  };
  DeviceOptions options = options_for(DeviceChoice::kCpu);
  expect_precision(options, Precision::kFp32);
  options.bf16 = true;
  expect_precision(options, Precision::kBf16);
  options = options_for(DeviceChoice::kCpu);
  options.fp16 = true;
  expect_precision(options, Precision::kFp16);
}

TEST(Device, AutoTakesTheCpuInAProgramWithoutCuda) {
  EXPECT_THAT(select_device(options_for(DeviceChoice::kAuto)).description, StartsWith("CPU, "));
}

TEST(Device, CudaWithoutAGpuIsAnErrorThatNamesTheWayOut) {
  EXPECT_THAT(message_of<DeviceError>([] { select_device(options_for(DeviceChoice::kCuda)); }),
              HasSubstr("device: cpu"));
}

TEST(Device, NamesTheLibraryVersions) {
  EXPECT_THAT(library_versions(), StartsWith("LibTorch 2."));
}

}  // namespace
}  // namespace bertft::device
