#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "bertft/config/config.h"

namespace bertft::cli {

/// The data to answer: `given` with --data, else what the option `key` names, `of_key`; none: neither does.
/// throws UsageError when the command line names both or the other command's, InputError when those of the option are
/// not there
std::optional<std::string> data_file(const std::string& given, const config::Resolved& resolved, const char* key,
                                     const std::optional<std::string>& of_key);

/// A flag that the command would not go by must not seem to have worked. throws UsageError for one of `keys`
void refuse_flags(const config::Resolved& resolved, std::initializer_list<std::string_view> keys,
                  std::string_view command);

/// The data options that only training goes by.
inline const std::initializer_list<std::string_view> kTrainingData = {"train_file", "max_train_samples"};

/// Makes a directory for results, before the work that leads to them. throws OutputError
void make_result_directory(const std::string& path);

}  // namespace bertft::cli
