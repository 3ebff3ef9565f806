#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// The same for the options of groups that are none of `groups`, which --set can name all the same; but for `taken`.
void refuse_other_groups(const config::Resolved& resolved, const std::vector<std::string>& groups,
                         std::string_view command, std::string_view taken = "");

/// The data options that only training goes by, and those that decide on labels, of which predict takes none.
inline const std::initializer_list<std::string_view> kTrainingData = {"train_file", "max_train_samples"};
inline const std::initializer_list<std::string_view> kLabelling = {"on_misaligned", "fix_last_token_label"};

/// Makes a directory for results, before the work that leads to them. throws OutputError
void make_result_directory(const std::string& path);

}  // namespace bertft::cli
