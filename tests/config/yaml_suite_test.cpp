// yaml/yaml-test-suite: whatever the file, the answer is a configuration or a ConfigError.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "bertft/util/file.h"
#include "config/helpers.h"
#include "real_data.h"

namespace bertft::config {
namespace {

namespace fs = std::filesystem;

TEST(YamlTestSuite, EveryCaseIsReadOrRefused) {
  const auto data = data_directory();
  if (!data) GTEST_SKIP() << "BERTFT_DATA_DIR is not set";
  const fs::path archive = *data / "corpora/yaml-test-suite/data-branch.tar.xz";
  const fs::path folder = fs::path(BERTFT_BUILD_DIR) / "yaml-test-suite";
  fs::create_directories(folder);
  const std::string unpack = "tar -xJf '" + archive.string() + "' -C '" + folder.string() + "'";
  ASSERT_EQ(std::system(unpack.c_str()), 0) << unpack;

  int num_cases = 0;
  std::vector<std::string> accepted;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().filename() != "in.yaml") continue;
    ++num_cases;
    if (refusal_of_yaml(read_file(entry.path().string())) == "accepted") {
      accepted.push_back(entry.path().parent_path().filename());
    }
  }
  EXPECT_EQ(num_cases, 402);
  // No case names an option of ours; this one is a map without entries.
  EXPECT_EQ(accepted, std::vector<std::string>{"Q5MG"});
}

}  // namespace
}  // namespace bertft::config
