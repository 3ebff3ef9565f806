#include "checkpoint/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "bert-finetune checkpoint";

constexpr const char* kWhereToLook =
    "Checkpoints are RUN_DIR/checkpoint-STEP; --resume auto takes the newest good one.";

constexpr const char* kHowToStartFromTrainers =
    "Of Trainer's a new run can begin with the model: --model-name-or-path in place of --resume.";

[[noreturn]] void damaged(const std::string& directory, const std::string& what) {
  throw CheckpointError(fmt::format(
      "{} is damaged: {}.\nTake another checkpoint; --resume auto goes on from the newest good one.", directory, what));
}

std::string manifest_of(const std::string& directory) {
  return (fs::path(directory) / kManifestName).string();
}

Json read_manifest(const std::string& directory) {
  const std::string path = manifest_of(directory);
  std::error_code ignored;
  // A pipe would be waited for.
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored))
    damaged(directory, "its manifest.json is no file");
  try {
    return read_json(path);
  } catch (const DataError&) {
    damaged(directory, "its manifest.json cannot be read");
  }
}

bool has_our_format(const Json& manifest) {
  return manifest.is_object() && manifest.value("format", Json()) == kFormat;
}

// The list of files of a manifest that this program can read.
Json files_in(const Json& manifest, const std::string& directory) {
  if (!has_our_format(manifest) || !manifest.contains("version")) {
    damaged(directory, "its manifest.json is none of this program");
  }
  const Json& version = manifest["version"];
  if (!version.is_number_integer()) {
    damaged(directory, fmt::format("its manifest has format version {}", printable(version.dump(), 20)));
  }
  if (version != kFormatVersion) {
    throw OtherFormatError(
        fmt::format("{} has format version {}; this program reads version {}.\nUse the program that wrote it.",
                    directory, printable(version.dump(), 20), kFormatVersion));
  }
  if (!manifest.contains("files") || !manifest["files"].is_array() || manifest["files"].empty()) {
    damaged(directory, "its manifest does not list files");
  }
  return manifest["files"];
}

Json member_of(const Json& entry, const char* key) {
  return entry.is_object() ? entry.value(key, Json()) : Json();
}

std::string name_in(const Json& entry, const std::string& directory) {
  const Json name = member_of(entry, "name");
  if (!name.is_string() || !is_plain_file_name(std::string(name))) {
    damaged(directory, "its manifest does not list files");
  }
  return name;
}

void verify_file(const std::string& directory, const Json& entry) {
  const std::string name = name_in(entry, directory), file = printable(name);
  const Json bytes = member_of(entry, "bytes"), hash = member_of(entry, "sha256");
  if (!bytes.is_number_integer() || !hash.is_string()) damaged(directory, "its manifest does not list files");
  const fs::path path = fs::path(directory) / name;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) damaged(directory, file + " is missing");
  if (bytes != size) damaged(directory, file + " has another size than written");
  if (hash != sha256_of_file(path.string())) damaged(directory, file + " has another content than written");
}

}  // namespace

std::string make_manifest(const std::string& directory) {
  Json files = Json::array();
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(directory)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    files.push_back({{"name", path.filename().string()},
                     {"bytes", fs::file_size(path)},
                     {"sha256", sha256_of_file(path.string())}});
  }
  return python_json({{"format", kFormat}, {"version", kFormatVersion}, {"files", files}}, 2) + "\n";
}

std::vector<std::string> files_of(const std::string& checkpoint_directory) {
  std::vector<std::string> names;
  for (const Json& entry : files_in(read_manifest(checkpoint_directory), checkpoint_directory)) {
    names.push_back(name_in(entry, checkpoint_directory));
  }
  names.emplace_back(kManifestName);
  return names;
}

bool is_copy(const std::string& checkpoint_directory, const std::string& other) {
  if (!is_there(manifest_of(checkpoint_directory)) || !is_there(manifest_of(other))) return false;
  return read_file(manifest_of(checkpoint_directory)) == read_file(manifest_of(other));
}

bool is_ours(const std::string& checkpoint_directory) {
  if (!is_there(manifest_of(checkpoint_directory))) return false;
  try {
    return has_our_format(read_manifest(checkpoint_directory));
  } catch (const Error&) {
    return true;  // a damaged one, or not to be read
  }
}

void verify(const std::string& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    throw InputError(fmt::format("{} is {}.\n{}", printable(directory),
                                 is_there(directory) ? "no directory" : "not there", kWhereToLook));
  }
  if (!is_there(manifest_of(directory))) {
    throw CheckpointError(fmt::format(
        "{} is no checkpoint of this program: it has no manifest.json.\n{}", directory,
        is_there((fs::path(directory) / "training_args.bin").string()) ? kHowToStartFromTrainers : kWhereToLook));
  }
  const Json files = files_in(read_manifest(directory), directory);
  for (const char* needed : {kWeightsName, kOptimizerName, kStateName}) {
    const auto is_it = [&](const Json& entry) { return member_of(entry, "name") == needed; };
    if (std::none_of(files.begin(), files.end(), is_it)) {
      damaged(directory, fmt::format("its manifest lists no {}", needed));
    }
  }
  for (const Json& entry : files) verify_file(directory, entry);
}

void verify_model(const std::string& directory) {
  if (!is_there(manifest_of(directory))) return;
  const Json manifest = read_manifest(directory);
  if (!has_our_format(manifest)) return;
  for (const Json& entry : files_in(manifest, directory)) {
    if (member_of(entry, "name") != kOptimizerName) verify_file(directory, entry);
  }
}

}  // namespace bertft::checkpoint
