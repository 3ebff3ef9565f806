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

TEST(Device, OnTheCpuComputesInFp32UnlessBf16IsAskedFor) {
  DeviceOptions options = options_for(DeviceChoice::kCpu);
  EXPECT_FALSE(select_device(options).bf16);
  EXPECT_THAT(select_device(options).description, HasSubstr("fp32"));
  options.bf16 = true;
  const Device device = select_device(options);
  EXPECT_TRUE(device.bf16);
  EXPECT_FALSE(device.is_cuda());
  EXPECT_THAT(device.description, HasSubstr("bf16"));
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
