#pragma once

#include <string>
#include <vector>

namespace bertft::report {

/// A line for people: "model     runs/squad2".
struct Row {
  std::string name, text;
};
using Rows = std::vector<Row>;

/// Rows as lines with the texts under one another; further lines of a text are indented to its first.
std::vector<std::string> two_columns(const Rows& rows);

}  // namespace bertft::report
