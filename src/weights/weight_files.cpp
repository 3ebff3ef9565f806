#include "weights/weight_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/foreign_file.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"
#include "weights/foreign.h"

namespace bertft::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxIndexBytes = std::size_t{2} << 20;  // 10,000 tensors need less

// Shard file -> names of the tensors that the index expects in it.
using Index = std::map<std::string, std::vector<std::string>>;

Index read_index(const std::string& path) {
  const std::string name = printable(path);
  Json json;
  try {
    json = read_json(path, {.max_bytes = kMaxIndexBytes});
  } catch (const DataError& error) {
    throw WeightsError(error.what());
  }
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object() ||
      json["weight_map"].empty()) {
    throw WeightsError(fmt::format("{}: an object \"weight_map\" from tensor names to file names is expected", name));
  }
  Index index;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    if (!file.is_string()) {
      throw WeightsError(fmt::format("{}: weight_map['{}'] is not a file name", name, printable(tensor)));
    }
    const auto& shard = file.get_ref<const std::string&>();
    if (!is_plain_file_name(shard)) {
      throw WeightsError(fmt::format("{}: weight_map['{}'] is '{}'; a plain file name beside the index is expected",
                                     name, printable(tensor), printable(shard)));
    }
    index[shard].push_back(tensor);
  }
  return index;
}

std::vector<SafetensorsFile> open_shards(const fs::path& index_path) {
  std::vector<SafetensorsFile> files;
  std::map<std::string, std::string> shard_of;
  for (const auto& [shard, names] : read_index(index_path.string())) {
    const std::string path = (index_path.parent_path() / shard).string();
    if (!is_there(path)) {
      throw InputError(fmt::format("{}: no such file, though {} lists it with {} tensors\nDownload the shard too.",
                                   printable(path), index_path.filename().string(), names.size()));
    }
    const auto& tensors = files.emplace_back(path).tensors();
    for (const std::string& name : names) {
      if (tensors.contains(name)) continue;
      throw WeightsError(fmt::format("{}: holds no tensor '{}', though {} lists it there", printable(path),
                                     printable(name), index_path.filename().string()));
    }
    for (const auto& [name, tensor] : tensors) {
      const auto [first, is_new] = shard_of.emplace(name, shard);
      if (is_new) continue;
      throw WeightsError(fmt::format("{}: tensor '{}' is in '{}' as well", printable(path), printable(name),
                                     printable(first->second)));
    }
  }
  return files;
}

std::optional<ForeignFormat> recognise_in_place_of(const fs::path& file) {
  constexpr std::size_t kFirstBytes = 512;
  std::string bytes(kFirstBytes, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(bytes.data(), kFirstBytes);
  bytes.resize(static_cast<std::size_t>(stream.gcount()));
  return recognise_failed_download(bytes);
}

[[noreturn]] void report_no_weights(const std::string& directory) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) names.insert(entry.path().filename().string());
  // Where several are there, as in old repositories, PyTorch's takes the least to convert.
  std::vector<std::string> by_effort(names.begin(), names.end());
  std::stable_partition(by_effort.begin(), by_effort.end(),
                        [](std::string_view name) { return name.ends_with(".bin"); });
  for (const std::string& name : by_effort) {
    if (auto foreign = recognise_foreign_name(name)) {
      // Unless it is not even that, but a pointer of git lfs or a web page in its place.
      if (const auto in_its_place = recognise_in_place_of(fs::path(directory) / name)) foreign = in_its_place;
      throw WeightsError(fmt::format("{}: no model.safetensors, but {}: {}\n{}", printable(directory), printable(name),
                                     foreign->what, foreign->advice));
    }
  }
  for (const std::string& name : names) {
    if (!name.ends_with(".safetensors")) continue;
    throw InputError(
        fmt::format("{}: neither model.safetensors nor model.safetensors.index.json, but '{}'\n"
                    "If it holds the whole model, rename it to model.safetensors; of shards, fetch all "
                    "and the index.",
                    printable(directory), printable(name)));
  }
  throw InputError(fmt::format("{}: no weights: model.safetensors or model.safetensors.index.json is expected\n{}",
                               printable(directory), fetch_advice()));
}

}  // namespace

std::vector<SafetensorsFile> open_weight_files(const std::string& directory) {
  const fs::path single = fs::path(directory) / "model.safetensors";
  const fs::path index = fs::path(directory) / "model.safetensors.index.json";
  if (is_there(single.string())) {
    std::vector<SafetensorsFile> files;
    files.emplace_back(single.string());
    return files;
  }
  if (is_there(index.string())) return open_shards(index);
  report_no_weights(directory);
}

}  // namespace bertft::weights
